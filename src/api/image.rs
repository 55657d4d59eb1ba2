//! Names of container images: `registry.example.com/team/app:1.2@sha256:…` (distribution `reference`, as Kubernetes'
//! `pkg/util/parsers` uses it). What matters to the cluster is the tag: it decides how images are pulled.

/// The tag of an image; `latest` when there is neither tag nor digest. `None` for a digest without a tag and for what is no
/// image name at all.
pub fn tag(image: &str) -> Option<&str> {
    let (domain, rest) = match image.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first => {
            (Some(first), rest)
        }
        _ => (None, image),
    };
    let (rest, digest) = match rest.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (rest, None),
    };
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    let identifier = domain.is_none() && digest.is_none() && tag.is_none() && is_hex(path, 64);
    let fine = !identifier
        && domain.is_none_or(is_domain)
        && path.split('/').all(is_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    match (fine, tag, digest) {
        (false, ..) => None,
        (true, Some(tag), _) => Some(tag),
        (true, None, None) => Some("latest"),
        (true, None, Some(_)) => None,
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_domain(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.split('.').all(label) && port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
}

/// Lower-case letters and digits, joined by one dot, one or two underscores, or any number of dashes.
fn is_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separators = text.split(alphanumeric).filter(|s| !s.is_empty());
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && separators.all(|s| matches!(s, "." | "_" | "__") || s.bytes().all(|b| b == b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_digest(text: &str) -> bool {
    match text.split_once(':') {
        Some(("sha256", hex)) => is_hex(hex, 64),
        Some(("sha384", hex)) => is_hex(hex, 96),
        Some(("sha512", hex)) => is_hex(hex, 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_what_follows_the_last_colon_of_the_path() {
        assert_eq!(tag("nginx"), Some("latest"));
        assert_eq!(tag("nginx:1.29"), Some("1.29"));
        assert_eq!(tag("localhost:5000/app"), Some("latest"));
        assert_eq!(tag("registry.k8s.io/e2e-test-images/agnhost:2.53"), Some("2.53"));
        assert_eq!(tag(&format!("nginx@sha256:{}", "a".repeat(64))), None);
        for bad in ["", " nginx", "Nginx", "a b", "nginx:", "a//b", &"a".repeat(64)] {
            assert_eq!(tag(bad), None, "{bad}");
        }
    }
}
