//! A checksum that costs next to nothing beside the SHA-256: for bytes that are read often and rot seldom.

use crc32fast::Hasher;

/// The CRC-32 (IEEE 802.3) of bytes, on the way. It finds what rots, but not what somebody has forged: who the bytes are
/// is said by their SHA-256 alone.
#[derive(Clone, Debug, Default)]
pub struct Checksum(Hasher);

impl Checksum {
    /// That of these bytes.
    pub fn of(bytes: &[u8]) -> u32 {
        crc32fast::hash(bytes)
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// That of all bytes so far.
    pub fn finish(&self) -> u32 {
        self.0.clone().finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_checksum_that_rows_have() {
        // The check value of CRC-32/ISO-HDLC. Another one would make all that is stored look damaged.
        let mut checksum = Checksum::default();
        checksum.update(b"1234");
        checksum.update(b"56789");
        assert_eq!((checksum.finish(), Checksum::of(b"123456789")), (0xCBF4_3926, 0xCBF4_3926));
    }
}
