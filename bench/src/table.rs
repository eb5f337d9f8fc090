//! Tables in Markdown.

/// Prints a table with a heading.
pub fn print(heading: &str, columns: &[String], rows: &[Vec<String>]) {
    println!("\n### {heading}\n\n| {} |", columns.join(" | "));
    println!("|{}", " --- |".repeat(columns.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
}

/// Nanoseconds for people: with three digits, and the unit that fits.
pub fn duration(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "us"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// A size such as `1e5`.
pub fn size(number: usize) -> String {
    let exponent = number.checked_ilog10().unwrap_or(0);
    if 10_usize.pow(exponent) == number { format!("1e{exponent}") } else { number.to_string() }
}
