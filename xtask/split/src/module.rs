//! What the splitter knows of a WASM module: its parts as byte ranges, its functions with their names.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use wasm_encoder::ValType;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasmparser::{
    ConstExpr, ElementItems, ElementKind, ExternalKind, KnownCustom, Name, Operator, Parser, Payload, TypeRef,
};

/// A function, imported or not.
pub struct Function {
    pub ty: u32,
    /// As the name section calls it; imports are called `module.field`.
    pub name: String,
    /// Its body with the locals; empty for an import.
    pub body: Range<usize>,
}

/// A run of the function table that is filled when the module starts.
pub struct Segment {
    pub offset: u32,
    pub functions: Vec<u32>,
}

pub struct Export {
    pub name: String,
    pub kind: ExternalKind,
    pub index: u32,
}

/// A piece of memory that is filled when the module starts.
pub struct Data {
    pub offset: u32,
    pub bytes: Range<usize>,
}

pub struct Module<'a> {
    pub bytes: &'a [u8],
    /// All sections but the custom ones, by number and content.
    pub sections: Vec<(u8, Range<usize>)>,
    pub types: Option<Range<usize>>,
    /// Parameters and results of each type.
    pub signatures: Vec<(Vec<ValType>, Vec<ValType>)>,
    pub imports: Vec<wasmparser::Import<'a>>,
    pub imported_functions: u32,
    pub functions: Vec<Function>,
    pub tables: Vec<wasmparser::TableType>,
    pub memory: wasmparser::MemoryType,
    pub globals: Option<Range<usize>>,
    pub global_types: Vec<wasmparser::GlobalType>,
    pub exports: Vec<Export>,
    pub start: Option<u32>,
    pub elements: Vec<Segment>,
    /// The table that `elements` fill: the one of functions.
    pub table: u32,
    pub data: Vec<Data>,
    pub data_count: bool,
    pub features: Option<Range<usize>>,
}

impl<'a> Module<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut module = Module {
            bytes,
            sections: Vec::new(),
            types: None,
            signatures: Vec::new(),
            imports: Vec::new(),
            imported_functions: 0,
            functions: Vec::new(),
            tables: Vec::new(),
            memory: wasmparser::MemoryType {
                memory64: false,
                shared: false,
                initial: 0,
                maximum: None,
                page_size_log2: None,
            },
            globals: None,
            global_types: Vec::new(),
            exports: Vec::new(),
            start: None,
            elements: Vec::new(),
            table: 0,
            data: Vec::new(),
            data_count: false,
            features: None,
        };
        let mut names = HashMap::new();
        let mut bodies = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            module.sections.extend(payload.as_section().filter(|(id, _)| *id != 0));
            module.take(payload, &mut bodies, &mut names)?;
        }
        let defined = module.functions.iter_mut().skip(module.imported_functions as usize);
        for (function, body) in defined.zip(bodies) {
            function.body = body;
        }
        for (index, name) in names {
            let function = module.functions.get_mut(index as usize).context("a name for no function")?;
            if !function.body.is_empty() {
                function.name = name;
            }
        }
        Ok(module)
    }

    fn take(
        &mut self,
        payload: Payload<'a>,
        bodies: &mut Vec<Range<usize>>,
        names: &mut HashMap<u32, String>,
    ) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                self.types = Some(section.range());
                for group in section {
                    for ty in group?.types() {
                        let function = matches!(ty.composite_type.inner, wasmparser::CompositeInnerType::Func(_));
                        ensure!(function, "a type that is no function's");
                        let function = ty.unwrap_func();
                        let convert = |types: &[wasmparser::ValType]| -> Result<Vec<ValType>> {
                            Ok(types.iter().map(|ty| RoundtripReencoder.val_type(*ty)).collect::<Result<_, _>>()?)
                        };
                        self.signatures.push((convert(function.params())?, convert(function.results())?));
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    match import.ty {
                        TypeRef::Func(ty) => {
                            let name = format!("{}.{}", import.module, import.name);
                            self.functions.push(Function { ty, name, body: 0..0 });
                            self.imported_functions += 1;
                        }
                        _ => bail!("{}.{} is imported and is no function", import.module, import.name),
                    }
                    self.imports.push(import);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(Function { ty: ty?, name: String::new(), body: 0..0 });
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(section) => {
                ensure!(section.count() == 1, "one memory is expected");
                self.memory = section.into_iter().next().context("a memory")??;
            }
            Payload::GlobalSection(section) => {
                self.globals = Some(section.range());
                for global in section {
                    self.global_types.push(global?.ty);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let (name, kind) = (export.name.to_string(), export.kind);
                    self.exports.push(Export { name, kind, index: export.index });
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    self.element(element?)?;
                }
            }
            Payload::DataCountSection { .. } => self.data_count = true,
            Payload::CodeSectionEntry(body) => bodies.push(body.range()),
            Payload::DataSection(section) => {
                for data in section {
                    let data = data?;
                    let wasmparser::DataKind::Active { memory_index: 0, offset_expr } = data.kind else {
                        bail!("data that is not put into memory at the start");
                    };
                    let end = data.range.end;
                    self.data.push(Data { offset: constant(&offset_expr)?, bytes: end - data.data.len()..end });
                }
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(subsections) => {
                    for subsection in subsections {
                        if let Name::Function(map) = subsection? {
                            for naming in map {
                                let naming = naming?;
                                names.insert(naming.index, naming.name.to_string());
                            }
                        }
                    }
                }
                _ if section.name() == "target_features" => {
                    self.features = Some(section.data_offset()..section.range().end)
                }
                _ => {}
            },
            Payload::TagSection(_) => bail!("a section that the splitter does not know"),
            _ => {}
        }
        Ok(())
    }

    fn element(&mut self, element: wasmparser::Element<'a>) -> Result<()> {
        let ElementKind::Active { table_index, offset_expr } = element.kind else {
            // Declares functions for `ref.func`, which the splitter refuses where it meets it.
            return Ok(());
        };
        let functions = match element.items {
            ElementItems::Functions(items) => items.into_iter().collect::<Result<Vec<_>, _>>()?,
            ElementItems::Expressions(_, items) => {
                let items = items.into_iter().map(|item| function_of(&item?));
                items.collect::<Result<Vec<_>>>()?
            }
        };
        self.table = table_index.unwrap_or(0);
        self.elements.push(Segment { offset: constant(&offset_expr)?, functions });
        Ok(())
    }
}

fn constant(expression: &ConstExpr) -> Result<u32> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(value as u32),
        other => bail!("an offset that is no constant: {other:?}"),
    }
}

fn function_of(expression: &ConstExpr) -> Result<u32> {
    match expression.get_operators_reader().read()? {
        Operator::RefFunc { function_index } => Ok(function_index),
        other => bail!("an element that is no function: {other:?}"),
    }
}
