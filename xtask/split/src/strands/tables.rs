//! The strands of what a module has in long tables: imports, exports, elements and data.

use anyhow::{Context, Result, bail};
use wasmparser::{DataKind, ElementItems, ElementKind, ExternalKind, Operator, TypeRef};

use super::{folded, number};
use crate::names::numbered;

/// For each import zero, or the length of an import that is written as it is; these; and of the others, which are functions of the
/// module that the one before them is of, how far their names are from the one before, counted (`names.rs`), and their types.
pub fn imports(module: &[u8], section: wasmparser::ImportSectionReader) -> Result<[Vec<u8>; 4]> {
    let [mut heads, mut whole, mut names, mut types] = [const { Vec::new() }; 4];
    let mut before: Option<(&str, u32)> = None;
    let mut from = section.original_position();
    let end = section.range().end;
    let starts: Vec<(usize, wasmparser::Import)> =
        section.into_imports_with_offsets().collect::<wasmparser::Result<_>>()?;
    for (index, (_, import)) in starts.iter().enumerate() {
        let until = starts.get(index + 1).map_or(end, |(start, _)| *start);
        let counted = numbered(import.name);
        match (import.ty, counted, before) {
            (TypeRef::Func(ty), Some(number_of), Some((of, last))) if of == import.module && number_of > last => {
                heads.push(0);
                number((number_of - last).into(), &mut names);
                number(ty.into(), &mut types);
            }
            _ => {
                number((until - from) as u64, &mut heads);
                whole.extend_from_slice(&module[from..until]);
            }
        }
        before = counted.map(|counted| (import.module, counted));
        from = until;
    }
    Ok([heads, whole, names, types])
}

/// For each export how far its name is from the counted one before it, or zero and the name itself; kinds; and how far each number
/// is from the one before it.
pub fn exports(section: wasmparser::ExportSectionReader) -> Result<[Vec<u8>; 3]> {
    let [mut names, mut kinds, mut numbers] = [const { Vec::new() }; 3];
    let (mut before, mut counted) = (0, 0);
    for export in section {
        let export = export?;
        match numbered(export.name) {
            Some(next) if next > counted => {
                number((next - counted).into(), &mut names);
                counted = next;
            }
            _ => {
                names.push(0);
                number(export.name.len() as u64, &mut names);
                names.extend_from_slice(export.name.as_bytes());
            }
        }
        kinds.push(match export.kind {
            ExternalKind::Func => 0,
            ExternalKind::Table => 1,
            ExternalKind::Memory => 2,
            ExternalKind::Global => 3,
            _ => bail!("an export that the strands do not know: {}", export.name),
        });
        number(folded(i64::from(export.index) - before), &mut numbers);
        before = export.index.into();
    }
    Ok([names, kinds, numbers])
}

/// How far each segment is from the end of the one before it, how many functions it has, and for each of these zero when it is the one
/// behind the largest so far, as stand-ins are, or else its number and one more, in two bytes.
pub fn elements(section: wasmparser::ElementSectionReader) -> Result<[Vec<u8>; 4]> {
    let [mut gaps, mut counts, mut low, mut high] = [const { Vec::new() }; 4];
    let (mut end, mut next) = (0, 0);
    for segment in section {
        let segment = segment?;
        let (ElementKind::Active { table_index: None, offset_expr }, ElementItems::Functions(functions)) =
            (segment.kind, segment.items)
        else {
            bail!("elements that the strands do not know")
        };
        end = after_gap(&offset_expr, end, &mut gaps)?;
        number(functions.count().into(), &mut counts);
        end += functions.count();
        for function in functions {
            let function = function?;
            let told = if function == next { 0 } else { function + 1 };
            next = next.max(function + 1);
            let [first, second] = u16::try_from(told).context("more functions than two bytes tell")?.to_le_bytes();
            low.push(first);
            high.push(second);
        }
    }
    Ok([gaps, counts, low, high])
}

/// How far each segment is from the end of the one before it, its length, and its bytes.
pub fn data(section: wasmparser::DataSectionReader) -> Result<[Vec<u8>; 3]> {
    let [mut gaps, mut lengths, mut bytes] = [const { Vec::new() }; 3];
    let mut end = 0;
    for segment in section {
        let segment = segment?;
        let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else {
            bail!("data that the strands do not know")
        };
        end = after_gap(&offset_expr, end, &mut gaps)? + segment.data.len() as u32;
        number(segment.data.len() as u64, &mut lengths);
        bytes.extend_from_slice(segment.data);
    }
    Ok([gaps, lengths, bytes])
}

/// Where a segment begins, which is told as its distance from the end of the one before it.
fn after_gap(offset: &wasmparser::ConstExpr, end: u32, gaps: &mut Vec<u8>) -> Result<u32> {
    let Operator::I32Const { value } = offset.get_operators_reader().read()? else {
        bail!("a segment whose place is not a number")
    };
    let gap = (value as u32).checked_sub(end).context("segments that are not in the order of their places")?;
    number(gap.into(), gaps);
    Ok(value as u32)
}
