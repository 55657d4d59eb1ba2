//! A function's body as a tree: sequences of instructions and of blocks, each instruction with its place in the file.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use wasm_encoder::ValType;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasmparser::{
    BinaryReader, BlockType, FuncValidator, FunctionBody, Operator, ValidPayload, Validator, ValidatorResources,
};

use crate::module::Module;

pub struct Op<'a> {
    pub operator: Operator<'a>,
    pub start: usize,
    pub end: usize,
    /// Whether nothing of the block that the instruction is in lies on the operand stack before it.
    pub boundary: bool,
    /// Whether the control can arrive at the instruction from the one before it.
    pub reachable: bool,
    /// The stretch it belongs to: a stretch runs from where the control can arrive to where it can leave.
    pub stretch: usize,
}

pub enum Node {
    Op(usize),
    Block { start: usize, body: Seq, other: Option<(usize, Seq)>, end: usize },
}

impl Node {
    pub fn first(&self) -> usize {
        match self {
            Node::Op(op) => *op,
            Node::Block { start, .. } => *start,
        }
    }

    pub fn last(&self) -> usize {
        match self {
            Node::Op(op) => *op,
            Node::Block { end, .. } => *end,
        }
    }
}

pub type Seq = Vec<Node>;

pub struct Body<'a> {
    pub ops: Vec<Op<'a>>,
    pub tree: Seq,
    /// Parameters, then the function's own locals.
    pub locals: Vec<ValType>,
    pub parameters: usize,
    pub results: Vec<ValType>,
    pub stretches: usize,
    /// Blocks that carry no values in or out.
    pub plain: BTreeSet<usize>,
}

/// Whether a stretch ends behind an instruction.
pub fn ends_stretch(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::If { .. } | Operator::Else | Operator::BrIf { .. } | Operator::End | Operator::Loop { .. }
    )
}

/// Reads the bodies of a module's functions, in their order.
pub fn read_all<'a>(module: &Module<'a>, mut each: impl FnMut(u32, Body<'a>) -> Result<()>) -> Result<()> {
    let mut validator = Validator::new();
    let mut index = module.imported_functions;
    for payload in wasmparser::Parser::new(0).parse_all(module.bytes) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            let body = read(module, index, &body, function.into_validator(Default::default()))
                .with_context(|| module.functions[index as usize].name.clone())?;
            each(index, body)?;
            index += 1;
        }
    }
    Ok(())
}

fn read<'a>(
    module: &Module<'a>,
    index: u32,
    body: &FunctionBody<'a>,
    mut validator: FuncValidator<ValidatorResources>,
) -> Result<Body<'a>> {
    let (params, results) = &module.signatures[module.functions[index as usize].ty as usize];
    let mut locals = params.clone();
    for local in body.get_locals_reader()? {
        let (count, ty) = local?;
        locals.extend(std::iter::repeat_n(RoundtripReencoder.val_type(ty)?, count as usize));
    }
    let range = body.range();
    let mut reader = BinaryReader::new(&module.bytes[range.clone()], range.start);
    validator.read_locals(&mut reader)?;
    let mut operators = body.get_operators_reader()?;
    let (mut ops, mut stretch) = (Vec::new(), 0);
    while !operators.eof() {
        let start = operators.original_position();
        let (height, reachable) =
            validator.get_control_frame(0).map_or((0, true), |frame| (frame.height, !frame.unreachable));
        let boundary = validator.operand_stack_height() as usize == height;
        let operator = operators.read()?;
        validator.op(start, &operator)?;
        let next = ends_stretch(&operator);
        ops.push(Op { operator, start, end: operators.original_position(), boundary, reachable, stretch });
        stretch += usize::from(next);
    }
    let mut plain = BTreeSet::new();
    let mut at = 0;
    let tree = sequence(&ops, &mut at, &mut plain)?;
    Ok(Body { ops, tree, locals, parameters: params.len(), results: results.clone(), stretches: stretch, plain })
}

/// Reads nodes until the instruction that ends their block, which `at` then points to.
fn sequence(ops: &[Op], at: &mut usize, plain: &mut BTreeSet<usize>) -> Result<Seq> {
    let mut nodes = Seq::new();
    loop {
        let start = *at;
        match ops[start].operator {
            Operator::End | Operator::Else => return Ok(nodes),
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                if blockty == BlockType::Empty {
                    plain.insert(start);
                }
                *at += 1;
                let body = sequence(ops, at, plain)?;
                let other = if matches!(ops[*at].operator, Operator::Else) {
                    let otherwise = *at;
                    *at += 1;
                    Some((otherwise, sequence(ops, at, plain)?))
                } else {
                    None
                };
                nodes.push(Node::Block { start, body, other, end: *at });
            }
            Operator::TryTable { .. } | Operator::Try { .. } => bail!("exceptions, which the splitter does not know"),
            _ => nodes.push(Node::Op(start)),
        }
        *at += 1;
    }
}
