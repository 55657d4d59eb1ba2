//! The order of a part's functions: what resembles each other compresses better side by side.

use std::cmp::Reverse;
use std::collections::HashMap;

/// How long the pieces are in which two functions are compared.
const PIECE: usize = 4;
/// A piece that so many functions have says nothing of any two of them.
const COMMON: usize = 1_000;

/// The numbers of some functions, each followed by the one of those left that has the most pieces in common with it, in proportion
/// to the pieces of both. Where nothing is in common the shortest comes next.
pub fn like_beside_like(bodies: &[impl AsRef<[u8]>]) -> Vec<usize> {
    let bodies: Vec<&[u8]> = bodies.iter().map(AsRef::as_ref).collect();
    let mut having: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (number, body) in bodies.iter().enumerate() {
        for piece in body.windows(PIECE) {
            let having = having.entry(piece).or_default();
            if having.last() != Some(&number) {
                having.push(number);
            }
        }
    }
    let shared: Vec<Vec<usize>> = having.into_values().filter(|h| (2..=COMMON).contains(&h.len())).collect();
    let mut pieces = vec![Vec::new(); bodies.len()];
    for (piece, having) in shared.iter().enumerate() {
        having.iter().for_each(|function| pieces[*function].push(piece));
    }

    let mut left: Vec<usize> = (0..bodies.len()).collect();
    left.sort_by_key(|function| (Reverse(bodies[*function].len()), Reverse(bodies[*function])));
    let mut placed = vec![false; bodies.len()];
    let mut in_common = vec![0_u64; bodies.len()];
    let mut order = Vec::with_capacity(bodies.len());
    let mut next = None;
    while let Some(function) = next.take().or_else(|| left.pop()) {
        if std::mem::replace(&mut placed[function], true) {
            continue;
        }
        order.push(function);
        let mut met = Vec::new();
        for other in pieces[function].iter().flat_map(|piece| &shared[*piece]).filter(|other| !placed[**other]) {
            if in_common[*other] == 0 {
                met.push(*other);
            }
            in_common[*other] += 1;
        }
        let alike = |other: &usize| {
            let all = (pieces[function].len() + pieces[*other].len()) as u64 - in_common[*other];
            ((in_common[*other] << 32) / all, Reverse(bodies[*other].len()), Reverse(*other))
        };
        next = met.iter().copied().max_by_key(alike);
        met.into_iter().for_each(|other| in_common[other] = 0);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::like_beside_like;

    #[test]
    fn every_function_is_there_once_beside_its_like() {
        let bodies: [&[u8]; 5] = [b"abcdefgh-1", b"zyxwvuts-2", b"abcdefgh-3", b"q", b"zyxwvuts-4"];
        let order = like_beside_like(&bodies);
        let at = |function: usize| order.iter().position(|other| *other == function).expect("each is there");
        assert_eq!(order.len(), bodies.len());
        assert_eq!((at(0).abs_diff(at(2)), at(1).abs_diff(at(4))), (1, 1));
    }
}
