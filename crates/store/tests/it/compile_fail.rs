//! A vault cannot be changed around the door: such a program does not compile. That it fails for the right reason is in
//! the `.stderr` file beside each.

#[test]
fn the_door_has_no_way_round() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
