//! The few fields of a certificate that people ask for: who, from whom, until when.
//!
//! Nothing is decided by what is read here, and whatever cannot be read is left out: the verifier has judged it already.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls_pki_types::CertificateDer;

use crate::state::ServerCertificate;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `2.5.4.3`, the common name.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// `2.5.4.10`, the organisation, for the authorities that have no common name.
const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0a];

/// Reads a certificate (RFC 5280 §4.1); `None` when it has another shape.
pub(super) fn read(der: &CertificateDer<'_>) -> Option<ServerCertificate> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (mut body, _) = expect(certificate, SEQUENCE)?;
    if body.first() == Some(&VERSION) {
        (_, _, body) = element(body)?;
    }
    let (_, _, rest) = element(body)?; // serial number
    let (_, rest) = expect(rest, SEQUENCE)?; // how it is signed
    let (issuer, rest) = expect(rest, SEQUENCE)?;
    let (validity, rest) = expect(rest, SEQUENCE)?;
    let (subject, _) = expect(rest, SEQUENCE)?;
    let (_, _, not_after) = element(validity)?;
    let (tag, not_after, _) = element(not_after)?;
    Some(ServerCertificate { subject: name(subject), issuer: name(issuer), expires: time(tag, not_after)? })
}

/// One element: its tag, its content and what follows it. Lengths beyond three bytes are no certificate's.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f)).filter(|(bytes, _)| bytes.len() <= 3)?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn expect(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(tag, _, _)| *tag == wanted).map(|(_, content, rest)| (content, rest))
}

/// The common name, or the organisation; "nobody" where there is neither.
fn name(mut relative_names: &[u8]) -> String {
    let mut organisation = None;
    while let Some((_, set, rest)) = element(relative_names) {
        relative_names = rest;
        let attribute = element(set).and_then(|(_, attribute, _)| {
            let (kind, rest) = expect(attribute, OBJECT_IDENTIFIER)?;
            let (_, text, _) = element(rest)?;
            Some((kind, String::from_utf8_lossy(text).into_owned()))
        });
        match attribute {
            Some((COMMON_NAME, text)) => return text,
            Some((ORGANISATION, text)) => organisation = Some(text),
            _ => {}
        }
    }
    organisation.unwrap_or_else(|| "nobody".to_owned())
}

/// `YYMMDDhhmmssZ`, where 50 is 1950 and 49 is 2049, or `YYYYMMDDhhmmssZ`.
fn time(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let text = match tag {
        UTC_TIME => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
