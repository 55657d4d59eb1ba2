//! Texts of numbers that are written with nearly every change: revisions, uids, addresses. The standard library's formatting
//! costs many times as much as the digits themselves, in the browser above all.

use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;

/// A text in the making, as long as the longest of these.
struct Text {
    bytes: [u8; 40],
    length: usize,
}

impl Text {
    fn new() -> Text {
        Text { bytes: [0; 40], length: 0 }
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn push_decimal(&mut self, number: u64) {
        let start = self.length;
        let mut rest = number;
        loop {
            self.push(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.bytes[start..self.length].reverse();
    }

    fn push_hexadecimal(&mut self, number: u64, digits: u32) {
        for place in (0..digits).rev() {
            let digit = (number >> (4 * place) & 0xf) as u8;
            self.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        }
    }

    fn finish(&self) -> SmolStr {
        SmolStr::new(str::from_utf8(&self.bytes[..self.length]).unwrap_or_default())
    }
}

/// A whole number.
pub fn decimal(number: u64) -> SmolStr {
    let mut text = Text::new();
    text.push_decimal(number);
    text.finish()
}

/// An address: `10.244.1.11`.
pub fn address(ip: &IpAddr) -> SmolStr {
    let IpAddr::V4(ip) = ip else { return format_smolstr!("{ip}") };
    let mut text = Text::new();
    push_v4(&mut text, ip.octets());
    text.finish()
}

/// An address with a port: `10.244.1.11:8080`, `[fd00::11]:8080`.
pub fn socket(ip: &IpAddr, port: u16) -> SmolStr {
    let IpAddr::V4(ip) = ip else { return format_smolstr!("[{ip}]:{port}") };
    let mut text = Text::new();
    push_v4(&mut text, ip.octets());
    text.push(b':');
    text.push_decimal(port.into());
    text.finish()
}

fn push_v4(text: &mut Text, octets: [u8; 4]) {
    for (place, octet) in octets.into_iter().enumerate() {
        if place > 0 {
            text.push(b'.');
        }
        text.push_decimal(octet.into());
    }
}

/// A UUID of version 4 of these bits.
pub fn uuid(high: u64, low: u64) -> SmolStr {
    let mut text = Text::new();
    let groups =
        [(high >> 32, 8), (high >> 16, 4), (0x4000 | (high & 0xfff), 4), (0x8000 | (low >> 48 & 0x3fff), 4), (low, 12)];
    for (place, (bits, digits)) in groups.into_iter().enumerate() {
        if place > 0 {
            text.push(b'-');
        }
        text.push_hexadecimal(bits, digits);
    }
    text.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn they_read_as_the_standard_library_writes_them() {
        for number in [0, 7, 10, 999, 65_535, u64::MAX] {
            assert_eq!(decimal(number), number.to_string());
        }
        for ip in ["0.0.0.0", "10.244.1.11", "255.255.255.255", "::1", "fd00:10:244::1f", "::ffff:10.0.0.1"] {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!(address(&ip), ip.to_string());
            for port in [0, 80, 65_535] {
                assert_eq!(socket(&ip, port), SocketAddr::new(ip, port).to_string());
            }
        }
        assert_eq!(uuid(0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210), "01234567-89ab-4def-bedc-ba9876543210");
    }
}
