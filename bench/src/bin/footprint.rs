//! The bytes that the index of an estate takes, as the allocator counts them: `footprint 1e5 [seed]`. A program of its
//! own, because counting takes time that `decision` would measure.

use std::alloc::System;

use bench::engines::load;
use bench::estate::Estate;
use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let size: f64 = arguments.next().and_then(|text| text.parse().ok()).expect("the number of assignments");
    let seed = arguments.next().map_or(1, |text| text.parse().expect("a seed"));
    let estate = Estate::new(size as usize, seed);
    let before = ALLOCATOR.allocated();
    let (index, _) = load(&estate);
    println!("{}", ALLOCATOR.allocated() - before);
    drop(index);
}
