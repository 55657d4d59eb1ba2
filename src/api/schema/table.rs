//! Reads the schema part of the field reference. Two passes: the first numbers the structs, the second reads the rows, so
//! that a type can name a struct that comes later.

use super::Schema;
use super::types::{Field, FieldType, KindInfo, Patch, Shape, Struct, StructId, Support, Values};
use crate::arrange::Arrange;

/// How deep `[]`, `map` and `=` may nest in a type.
const DEEPEST_TYPE: u8 = 8;

/// What may be done with most kinds.
const ALL_VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// Reads the table; the error names the line and what is wrong with it.
pub(super) fn parse(text: &'static str) -> Result<Schema, String> {
    let mut names: Vec<(&'static str, u16)> = Vec::new();
    for name in text.lines().filter_map(|line| line.strip_prefix('>')) {
        let id = u16::try_from(names.len()).map_err(|_| "more structs than a u16 counts".to_owned())?;
        names.push((name, id));
    }
    names.arrange();
    if let Some(pair) = names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("the rows of {} are not together", pair[0].0));
    }
    let mut reader = Reader { names, kinds: Vec::new(), structs: Vec::new(), values: Vec::new() };
    for (index, line) in text.lines().enumerate() {
        reader.line(line).map_err(|problem| format!("schema line {}: {problem}: {line}", index + 1))?;
    }
    reader.finish()
}

struct Reader {
    /// Struct names in order, with the place of each in the table.
    names: Vec<(&'static str, u16)>,
    kinds: Vec<KindInfo>,
    structs: Vec<Struct>,
    values: Vec<Values>,
}

impl Reader {
    fn line(&mut self, line: &'static str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("@kind\t") {
            let kind = self.kind(rest)?;
            self.kinds.push(kind);
        } else if let Some(rest) = line.strip_prefix("@enum\t") {
            self.values.push(values(rest)?);
        } else if let Some(name) = line.strip_prefix('>') {
            self.structs.push(Struct { name, fields: Vec::new(), by_name: Vec::new() });
        } else {
            let owner = self.structs.len().checked_sub(1).ok_or("a field before the first struct")?;
            let owner = StructId(u16::try_from(owner).map_err(|_| "too many structs")?);
            let field = self.field(line, owner)?;
            self.structs[owner.index()].fields.push(field);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Schema, String> {
        for item in &mut self.structs {
            item.by_name = order(item.fields.len(), |i| item.fields[i].name, item.name)?;
        }
        self.values.arrange_by_key(|v| v.go_name);
        let kinds_by_name = order(self.kinds.len(), |i| self.kinds[i].key(), "@kind")?;
        let structs_by_name = self.names.into_iter().map(|(_, id)| id).collect();
        Ok(Schema { kinds: self.kinds, kinds_by_name, structs: self.structs, structs_by_name, values: self.values })
    }

    fn kind(&self, rest: &'static str) -> Result<KindInfo, String> {
        let columns: Vec<&'static str> = rest.split('\t').collect();
        let [group_version, kind, root, plural, singular, short, scope, support, categories, verbs] = columns[..]
        else {
            return Err("a @kind row has 11 columns before its sentences".to_owned());
        };
        Ok(KindInfo {
            group_version,
            kind,
            root: if root == "-" { None } else { Some(self.struct_id(root)?) },
            plural,
            singular,
            short_names: words(short),
            namespaced: match scope {
                "namespaced" => true,
                "cluster" => false,
                _ => return Err("scope is neither namespaced nor cluster".to_owned()),
            },
            support: match support {
                "simulated" => Support::Simulated,
                "accepted" => Support::Accepted,
                "crd" => Support::AddOn,
                _ => return Err("support is none of simulated, accepted, crd".to_owned()),
            },
            categories: words(categories),
            verbs: if verbs == "-" { ALL_VERBS.to_vec() } else { words(verbs) },
        })
    }

    fn field(&self, line: &'static str, owner: StructId) -> Result<Field, String> {
        let mut columns = line.split('\t');
        let name = columns.next().filter(|name| !name.is_empty()).ok_or("no field name")?;
        let ty = self.ty(columns.next().ok_or("no type")?, DEEPEST_TYPE)?;
        let flags = columns.next().unwrap_or("-");
        let mut optional = || columns.next().filter(|&column| column != "-");
        let mut field = Field {
            name,
            ty,
            owner,
            embedded_from: None,
            omit_empty: false,
            omit_zero: false,
            required: false,
            read_only: false,
            unmodelled: false,
            patch: Patch::default(),
            default: optional(),
            since: optional(),
        };
        for flag in flags.split(' ') {
            match flag {
                "-" => {}
                "omitempty" => field.omit_empty = true,
                "omitzero" => field.omit_zero = true,
                "required" => field.required = true,
                "readonly" => field.read_only = true,
                "unmodelled" => field.unmodelled = true,
                "patch=merge" => field.patch.merge = true,
                "patch=replace" => field.patch.replace = true,
                "patch=retainKeys" => field.patch.retain_keys = true,
                _ => match flag.split_once('=') {
                    Some(("inline", from)) => field.embedded_from = Some(from),
                    Some(("patch", strategy)) if strategy.starts_with("merge:") => {
                        field.patch.merge = true;
                        field.patch.merge_key = strategy.strip_prefix("merge:");
                    }
                    _ => return Err(format!("unknown flag {flag}")),
                },
            }
        }
        Ok(field)
    }

    fn ty(&self, text: &'static str, depth: u8) -> Result<FieldType, String> {
        let depth = depth.checked_sub(1).ok_or("the type nests too deep")?;
        if let Some(rest) = text.strip_prefix('*') {
            return Ok(FieldType { pointer: true, ..self.ty(rest, depth)? });
        }
        let plain = |shape| FieldType { shape, go_name: None, pointer: false };
        if let Some(rest) = text.strip_prefix("[]") {
            return Ok(plain(Shape::List(Box::new(self.ty(rest, depth)?))));
        }
        if let Some(rest) = text.strip_prefix("map[string]") {
            return Ok(plain(Shape::Map(Box::new(self.ty(rest, depth)?))));
        }
        if let Some((name, rest)) = text.split_once('=') {
            return Ok(FieldType { go_name: Some(name), ..self.ty(rest, depth)? });
        }
        Ok(plain(match text {
            "bool" => Shape::Bool,
            "int32" => Shape::Int32,
            "int64" => Shape::Int64,
            "float64" => Shape::Float64,
            "string" => Shape::String,
            "IntOrString" => Shape::IntOrString,
            "Quantity" => Shape::Quantity,
            "Time" => Shape::Time,
            "MicroTime" => Shape::MicroTime,
            "Duration" => Shape::Duration,
            "bytes" => Shape::Bytes,
            "FieldsV1" => Shape::FieldsV1,
            "any" => Shape::Any,
            _ => Shape::Struct(self.struct_id(text)?),
        }))
    }

    fn struct_id(&self, name: &str) -> Result<StructId, String> {
        match self.names.binary_search_by(|(known, _)| (*known).cmp(name)) {
            Ok(at) => Ok(StructId(self.names[at].1)),
            Err(_) => Err(format!("no struct is called {name}")),
        }
    }
}

fn values(rest: &'static str) -> Result<Values, String> {
    let columns: Vec<&'static str> = rest.split('\t').collect();
    let [go_name, how, list] = columns[..] else {
        return Err("an @enum row has 4 columns".to_owned());
    };
    let listed = match how {
        "listed" => true,
        "known" => false,
        _ => return Err("values are either listed or known".to_owned()),
    };
    let values = list.split(' ').map(|value| if value == "\"\"" { "" } else { value }).collect();
    Ok(Values { go_name, listed, values })
}

fn words(column: &'static str) -> Vec<&'static str> {
    if column == "-" { Vec::new() } else { column.split(',').collect() }
}

/// The indices `0..count` in the order of their keys; an error when two keys are equal.
fn order<K: Ord>(count: usize, key: impl Fn(usize) -> K, what: &str) -> Result<Vec<u16>, String> {
    let last = u16::try_from(count).map_err(|_| format!("{what} has too many rows"))?;
    let mut indices: Vec<u16> = (0..last).collect();
    indices.arrange_by_key(|&i| key(usize::from(i)));
    if indices.windows(2).any(|pair| key(usize::from(pair[0])) == key(usize::from(pair[1]))) {
        return Err(format!("{what} has a row twice"));
    }
    Ok(indices)
}
