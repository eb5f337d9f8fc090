//! A text as a QR code, in a form that a page can hold.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// The margin that readers need, in modules (ISO/IEC 18004, section 9.1).
const MARGIN: usize = 4;

/// A picture: a square of `size` by `size`, and the path of what is dark in it.
pub struct Picture {
    /// Modules per side, with the margin.
    pub size: usize,
    /// An SVG path.
    pub path: String,
}

/// Draws a text.
///
/// # Errors
/// An internal error when it is too long for any QR code.
pub fn draw(text: &str) -> arm::Result<Picture> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .map_err(|error| arm::Error::internal(format!("no QR code holds the text: {error}")))?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run.first() == Some(&Color::Dark) {
                let (left, top, length) = (x + MARGIN, y + MARGIN, run.len());
                // Writing to a String does not fail.
                let _ = write!(path, "M{left} {top}h{length}v1h-{length}z");
            }
            x += run.len();
        }
    }
    Ok(Picture { size: width + 2 * MARGIN, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_draws_every_dark_module() {
        let picture =
            draw("otpauth://totp/Countersign:alice@contoso.example?secret=GEZDGNBVGY3TQOJQ").unwrap();
        let code = QrCode::with_error_correction_level(
            "otpauth://totp/Countersign:alice@contoso.example?secret=GEZDGNBVGY3TQOJQ",
            EcLevel::M,
        )
        .unwrap();
        assert_eq!(picture.size, code.width() + 8);
        let lengths = picture.path.split('h').skip(1).filter_map(|part| part.split_once('v'));
        let drawn: usize = lengths.map(|(length, _)| length.parse::<usize>().unwrap()).sum();
        let dark = code.to_colors().into_iter().filter(|color| *color == Color::Dark).count();
        assert_eq!(drawn, dark);
        assert!(picture.path.starts_with("M4 4h7v1h-7z"), "the finder pattern in the corner");
        assert!(picture.path.chars().all(|c| c.is_ascii_digit() || "Mhvz -".contains(c)));
    }
}
