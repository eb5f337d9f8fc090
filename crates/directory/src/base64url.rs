//! Base64url without padding, the text form that JOSE and OAuth share (RFC 7515, section 2).

use data_encoding::BASE64URL_NOPAD;

/// Writes bytes as text.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// Reads exactly `N` bytes; `None` for any other length or alphabet.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}
