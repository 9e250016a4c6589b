//! Base64 as RFC 4648 has it: padded, and nothing between.

/// The bytes, or what is wrong.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, String> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || !bytes.len().is_multiple_of(4) {
        return Err(format!(
            "expected base64 in groups of four characters, found {} characters",
            bytes.len()
        ));
    }
    let padding = bytes.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return Err("expected base64 with at most two signs of padding, found more".to_owned());
    }
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    let last = bytes.len() / 4 - 1;
    for (at, group) in bytes.chunks_exact(4).enumerate() {
        let digits = if at == last { 4 - padding } else { 4 };
        let mut number = 0;
        for (place, byte) in group.iter().enumerate() {
            let six = if place < digits { digit(*byte)? } else { 0 };
            number = number << 6 | six;
        }
        let three = [(number >> 16) as u8, (number >> 8 & 255) as u8, (number & 255) as u8];
        let (whole, cut) = three.split_at(digits - 1);
        if cut.iter().any(|byte| *byte != 0) {
            return Err("expected base64 without bits after its end, found some".to_owned());
        }
        out.extend_from_slice(whole);
    }
    Ok(out)
}

fn digit(byte: u8) -> Result<u32, String> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return Err(format!("expected base64, found the byte {byte:#04x}")),
    };
    Ok(u32::from(digit))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    pub(crate) fn encode(bytes: &[u8]) -> String {
        let mut out = String::new();
        for group in bytes.chunks(3) {
            let number = group.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
                << (8 * (3 - group.len()));
            for place in 0..4 {
                let six = (number >> (18 - 6 * place) & 63) as usize;
                out.push(if place <= group.len() { char::from(DIGITS[six]) } else { '=' });
            }
        }
        out
    }

    #[test]
    fn the_examples_of_the_standard() {
        for (text, bytes) in [("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(decode(text), Ok(bytes.as_bytes().to_vec()));
        }
        for bad in ["", "Zg", "Zg=", "Z===", "====", "Zh==", "Zm9=Zm9v", "Zm 9", "Zm9v\n", "Zm9-", "Zm=v"] {
            assert!(decode(bad).is_err(), "{bad:?}");
        }
    }
}
