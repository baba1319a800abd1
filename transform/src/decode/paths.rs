//! The places that contracts look at, as one tree: however many tables there are, a document is passed over once.
//!
//! Each place has a slot. What the walk finds there is put into it, and every table takes its values from the slots.

use crate::contract::Pointer;
use crate::json::Mark;

/// A place's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotId(pub(crate) u16);

/// A node's number. Most values of most documents stand where nobody looks, at [`NOWHERE`].
pub(crate) type NodeId = u16;

/// Where nobody looks.
pub(crate) const NOWHERE: NodeId = NodeId::MAX;
/// The document itself.
pub(crate) const ROOT: NodeId = 0;

#[derive(Debug, Default)]
struct Node {
    slot: Option<SlotId>,
    children: Vec<Child>,
}

#[derive(Debug)]
struct Child {
    mark: Mark,
    name: Box<[u8]>,
    /// The position in an array that the name also is.
    index: Option<u32>,
    node: NodeId,
}

/// The tree.
#[derive(Debug)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
    slots: usize,
}

/// More places than a document's walk is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the contracts look at more than {} places", NOWHERE - 1)]
pub struct TooManyPaths;

impl Paths {
    pub(crate) fn new() -> Self {
        Self { nodes: vec![Node::default()], slots: 0 }
    }

    /// The slot and the node of a place, the same for the same place.
    pub(crate) fn place(&mut self, pointer: &Pointer) -> Result<(SlotId, NodeId), TooManyPaths> {
        let mut node = ROOT;
        for token in pointer.tokens() {
            node = match self.child(node, token.as_bytes(), Mark::of(token.as_bytes())) {
                NOWHERE => self.grow(node, token)?,
                known => known,
            };
        }
        let index = usize::from(node);
        if let Some(slot) = self.nodes[index].slot {
            return Ok((slot, node));
        }
        let slot = SlotId(u16::try_from(self.slots).map_err(|_| TooManyPaths)?);
        self.slots += 1;
        self.nodes[index].slot = Some(slot);
        Ok((slot, node))
    }

    fn grow(&mut self, parent: NodeId, token: &str) -> Result<NodeId, TooManyPaths> {
        let node = NodeId::try_from(self.nodes.len()).ok().filter(|&node| node != NOWHERE).ok_or(TooManyPaths)?;
        let canonical = |index: &u32| index.to_string() == token;
        self.nodes.push(Node::default());
        self.nodes[usize::from(parent)].children.push(Child {
            mark: Mark::of(token.as_bytes()),
            name: token.as_bytes().into(),
            index: token.parse().ok().filter(canonical),
            node,
        });
        Ok(node)
    }

    /// How many slots there are.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// The slot of a node.
    #[inline]
    pub(crate) fn slot_of(&self, node: NodeId) -> Option<SlotId> {
        self.nodes.get(usize::from(node))?.slot
    }

    /// Where a member of an object at a node stands.
    #[inline]
    pub(crate) fn child(&self, node: NodeId, name: &[u8], mark: Mark) -> NodeId {
        let Some(node) = self.nodes.get(usize::from(node)) else { return NOWHERE };
        let found = node.children.iter().find(|child| child.mark == mark && (mark.is_exact() || *child.name == *name));
        found.map_or(NOWHERE, |child| child.node)
    }

    /// Whether there are places within the value at a node.
    #[inline]
    pub(crate) fn is_looked_into(&self, node: NodeId) -> bool {
        self.nodes.get(usize::from(node)).is_some_and(|node| !node.children.is_empty())
    }

    /// Where an element of an array at a node stands.
    #[inline]
    pub(crate) fn element(&self, node: NodeId, index: u32) -> NodeId {
        let Some(node) = self.nodes.get(usize::from(node)) else { return NOWHERE };
        let found = node.children.iter().find(|child| child.index == Some(index));
        found.map_or(NOWHERE, |child| child.node)
    }

    /// Every node with its parent's number, parents first.
    pub(crate) fn parents(&self) -> Vec<NodeId> {
        let mut parents = vec![NOWHERE; self.nodes.len()];
        for (parent, node) in (0..).zip(&self.nodes) {
            for child in &node.children {
                parents[usize::from(child.node)] = parent;
            }
        }
        parents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_place_has_the_same_slot() {
        let mut paths = Paths::new();
        let mut slot = |text: &str| paths.place(&text.parse().unwrap()).unwrap().0;
        assert_eq!([slot("/a"), slot("/a/b"), slot("/c/0"), slot("/a")].map(|slot| slot.0), [0, 1, 2, 0]);
        assert_eq!(paths.slots(), 3);
        let child = |node, name: &str| paths.child(node, name.as_bytes(), Mark::of(name.as_bytes()));
        let (a, c) = (child(ROOT, "a"), child(ROOT, "c"));
        assert_eq!(paths.slot_of(a), Some(SlotId(0)));
        assert_eq!(paths.slot_of(child(a, "b")), Some(SlotId(1)));
        assert_eq!(paths.slot_of(c), None);
        // A name of digits is a member's name and an element's position.
        assert_eq!((paths.element(c, 0), child(c, "0")), (4, 4));
        assert_eq!((paths.element(c, 1), child(ROOT, "b"), child(NOWHERE, "a")), (NOWHERE, NOWHERE, NOWHERE));
        assert_eq!(paths.parents(), [NOWHERE, ROOT, a, ROOT, c]);
    }
}
