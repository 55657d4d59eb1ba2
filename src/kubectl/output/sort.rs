//! `--sort-by`: objects in the order of a field (upstream `kubectl/pkg/cmd/get/sorter.go`).

use super::jsonpath::{Template, relaxed};
use crate::api::quantity::Quantity;
use crate::api::value::Value;
use crate::arrange::Arrange;
use std::cmp::Ordering;

/// The order in which objects stand when sorted by `field`: indices into `objects`.
pub fn sort_by(objects: &[&Value], field: &str) -> Result<Vec<usize>, String> {
    let path = Template::parse(&relaxed(field)?)?;
    let mut keys = Vec::new();
    for object in objects {
        keys.push(path.find(object)?.into_iter().next());
    }
    if !objects.is_empty() && keys.iter().all(Option::is_none) {
        return Err(format!(
            "couldn't find any field with path {} in the list of objects",
            crate::api::json::quote(&relaxed(field)?)
        ));
    }
    let mut order: Vec<usize> = (0..objects.len()).collect();
    order.arrange_by(|&a, &b| compare(keys[a].as_ref(), keys[b].as_ref()));
    Ok(order)
}

fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
        (Some(Value::String(a)), Some(Value::String(b))) => match (Quantity::parse(a), Quantity::parse(b)) {
            (Ok(a), Ok(b)) => a.millis().cmp(&b.millis()),
            _ => natural(a, b),
        },
        (Some(Value::Int(a)), Some(Value::Int(b))) => a.cmp(b),
        (Some(Value::Float(a)), Some(Value::Float(b))) => a.total_cmp(b),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (Some(a), Some(b)) => crate::api::json::to_string(a).cmp(&crate::api::json::to_string(b)),
    }
}

/// Numbers inside texts count as numbers: `web-2` before `web-10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (x, y) = match (a.chars().next(), b.chars().next()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) => (x, y),
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let digits = |t: &str| t.find(|c: char| !c.is_ascii_digit()).unwrap_or(t.len());
            let ((na, ra), (nb, rb)) = (a.split_at(digits(a)), b.split_at(digits(b)));
            let (ta, tb) = (na.trim_start_matches('0'), nb.trim_start_matches('0'));
            let order = ta.len().cmp(&tb.len()).then(ta.cmp(tb)).then(na.len().cmp(&nb.len()));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (ra, rb);
            continue;
        }
        if x != y {
            return x.cmp(&y);
        }
        (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        assert_eq!(natural("web-2", "web-10"), Ordering::Less);
        assert_eq!(natural("web-2a", "web-2"), Ordering::Greater);
        assert_eq!(natural("a", "b"), Ordering::Less);
    }
}
