//! The binary tree in which the gradients of chunks are added, and how it is cut.

use std::ops::Range;

/// A subtree: the chunks below it.
///
/// Of the tree over `n` chunks the left part holds the largest power of two that is smaller than `n`, and so on below. That is
/// the tree in which neighbours are added, then neighbours of the sums: it depends on `n` alone.
pub(crate) type Node = Range<usize>;

/// The two parts of a node of at least two chunks.
pub(super) fn parts(node: &Node) -> [Node; 2] {
    let middle = node.start + (1 << (node.len() - 1).ilog2());
    [node.start..middle, middle..node.end]
}

/// The node above `node` in the tree over `n` chunks, and the one beside it below that; `None` of the root.
pub(super) fn above(node: &Node, n: usize) -> Option<(Node, Node)> {
    let mut above = 0..n;
    while above.len() > node.len() {
        let [left, right] = parts(&above);
        let (own, other) = if node.start < right.start { (left, right) } else { (right, left) };
        if own == *node {
            return Some((above, other));
        }
        above = own;
    }
    None
}

/// The largest subtrees of the tree over `n` chunks that lie within `own`, from left to right.
pub(crate) fn within(own: &Range<usize>, n: usize) -> Vec<Node> {
    fn walk(node: Node, own: &Range<usize>, found: &mut Vec<Node>) {
        if node.start >= own.end || node.end <= own.start {
        } else if own.start <= node.start && node.end <= own.end {
            found.push(node);
        } else {
            parts(&node).into_iter().for_each(|part| walk(part, own, found));
        }
    }
    let mut found = vec![];
    if n > 0 {
        walk(0..n, own, &mut found);
    }
    found
}

/// How the tree over chunks is shared among `ranks`, so that each has a like part of the cost: consecutive chunks, cut as finely
/// as leaves nobody with more than `most` subtrees. `cost[k]` is that of all chunks before the `k`-th, and of all in the end.
pub(crate) fn shares(cost: &[usize], ranks: usize, most: usize) -> Vec<Range<usize>> {
    let (n, total) = (cost.len() - 1, cost[cost.len() - 1]);
    let cut = |size: usize| -> Vec<Range<usize>> {
        let bounds: Vec<usize> = (0..n).step_by(size).chain([n]).collect();
        let end = |rank: usize| {
            let wanted = (total as u128 * rank as u128 / ranks as u128) as usize;
            let above = bounds.partition_point(|&bound| cost[bound] < wanted).min(bounds.len() - 1);
            let [below, above] = [bounds[above.saturating_sub(1)], bounds[above]];
            if wanted.abs_diff(cost[below]) < wanted.abs_diff(cost[above]) { below } else { above }
        };
        let mut start = 0;
        (1..=ranks).map(|rank| std::mem::replace(&mut start, end(rank))..start).collect()
    };
    let mut size = 1;
    loop {
        let shares = cut(size);
        if size >= n || shares.iter().all(|own| within(own, n).len() <= most) {
            return shares;
        }
        size *= 2;
    }
}

/// At most `most` subtrees that cover the tree over `n` chunks: all of the same size, but for the last one.
pub(super) fn blocks(n: usize, most: usize) -> Vec<Node> {
    let size = n.div_ceil(most).next_power_of_two();
    (0..n.div_ceil(size)).map(|k| k * size..((k + 1) * size).min(n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_of_five() {
        assert_eq!(parts(&(0..5)), [0..4, 4..5]);
        assert_eq!(above(&(4..5), 5), Some((0..5, 0..4)));
        assert_eq!(above(&(2..4), 5), Some((0..4, 0..2)));
        assert_eq!(above(&(0..5), 5), None);
        assert_eq!(within(&(1..5), 5), [1..2, 2..4, 4..5]);
        assert_eq!(blocks(5, 3), [0..2, 2..4, 4..5]);
    }

    #[test]
    fn costly_chunks_are_shared() {
        // The first half costs three times as much.
        let cost: Vec<usize> = (0..=100).map(|k: usize| 3 * k.min(50) + k.saturating_sub(50)).collect();
        assert_eq!(shares(&cost, 2, 4), [0..32, 32..100]);
        assert_eq!(shares(&[0, 1, 2], 3, 4), [0..0, 0..1, 1..2]);
        assert_eq!(shares(&[0], 2, 4), [0..0, 0..0]);
    }

    proptest! {
        #[test]
        fn shares_cover_all_chunks_once_in_few_subtrees(n in 0_usize..5000, ranks in 1_usize..200, heavy in 1_usize..5) {
            let cost: Vec<usize> = (0..=n).map(|k| heavy * k.min(n / 3) + k.saturating_sub(n / 3)).collect();
            let shares = shares(&cost, ranks, 8);
            prop_assert_eq!(shares.len(), ranks);
            prop_assert_eq!(shares.iter().flat_map(Clone::clone).collect::<Vec<_>>(), (0..n).collect::<Vec<_>>());
            prop_assert!(shares.iter().all(|own| within(own, n).len() <= 8));
            // Nobody has twice its share, or a few chunks more where a share is no more than that.
            let mean = cost[n] as f64 / ranks as f64;
            let largest = shares.iter().map(|own| cost[own.end] - cost[own.start]).max().unwrap_or(0);
            prop_assert!(largest as f64 <= 2.0 * mean + 2.0 * heavy as f64, "{} of {}", largest, mean);
        }

        #[test]
        fn every_node_is_a_part_of_the_node_above(n in 1_usize..5000, chunk in 0_usize..5000) {
            let mut node = chunk % n..chunk % n + 1;
            while let Some((parent, other)) = above(&node, n) {
                let found = parts(&parent);
                prop_assert!(found == [node.clone(), other.clone()] || found == [other, node]);
                node = parent;
            }
            prop_assert_eq!(node, 0..n);
        }

        #[test]
        fn blocks_are_nodes_that_cover_all(n in 1_usize..5000, most in 1_usize..40) {
            let blocks = blocks(n, most);
            prop_assert!(blocks.len() <= most);
            let nodes: Vec<Node> = blocks.iter().flat_map(|block| within(block, n)).collect();
            prop_assert_eq!(&nodes, &blocks);
            prop_assert_eq!(nodes.iter().flat_map(Clone::clone).collect::<Vec<_>>(), (0..n).collect::<Vec<_>>());
        }
    }
}
