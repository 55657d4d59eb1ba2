//! Columns of text as Go's `text/tabwriter` aligns them (elastic tabstops): a column is a block of neighbouring lines that
//! have a tab-terminated cell at the same place. The last cell of a line belongs to no column. Left out: tabs as padding,
//! right alignment, escapes.

/// The cells of every line, aligned. `min` is the narrowest column, `padding` what stands behind the widest cell.
pub fn align(text: &str, min: usize, padding: usize) -> String {
    let ends_open = !text.ends_with('\n');
    let body = text.strip_suffix('\n').unwrap_or(text);
    let lines: Vec<Vec<&str>> = body.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut writer = Writer { lines, min, padding, widths: Vec::new(), out: String::with_capacity(text.len() * 2) };
    let last = writer.lines.len();
    writer.format(0, last);
    if ends_open && writer.out.ends_with('\n') {
        writer.out.pop();
    }
    writer.out
}

struct Writer<'a> {
    lines: Vec<Vec<&'a str>>,
    min: usize,
    padding: usize,
    widths: Vec<usize>,
    out: String,
}

impl Writer<'_> {
    fn format(&mut self, mut first: usize, end: usize) {
        let column = self.widths.len();
        let mut at = first;
        while at < end {
            if column + 1 >= self.lines[at].len() {
                at += 1;
                continue;
            }
            // A column begins here: print what stands before it, measure its block, then the columns right of it.
            self.write_lines(first, at);
            first = at;
            let mut width = self.min;
            while at < end && column + 1 < self.lines[at].len() {
                width = width.max(self.lines[at][column].chars().count() + self.padding);
                at += 1;
            }
            self.widths.push(width);
            self.format(first, at);
            self.widths.pop();
            first = at;
        }
        self.write_lines(first, end);
    }

    fn write_lines(&mut self, first: usize, end: usize) {
        for line in &self.lines[first..end] {
            for (i, cell) in line.iter().enumerate() {
                self.out.push_str(cell);
                // The last cell is not padded, unless it is empty and a column stands there.
                let last = i + 1 == line.len();
                if let Some(width) = self.widths.get(i)
                    && !last
                {
                    let used = cell.chars().count();
                    self.out.extend(std::iter::repeat_n(' ', width.saturating_sub(used)));
                }
            }
            self.out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn a_column_is_a_block_of_neighbouring_lines() {
        let text = "a\tb\tc\naaaa\tbbbbb\tc\nno cells\nx\ty\n";
        assert_eq!(align(text, 0, 2), "a     b      c\naaaa  bbbbb  c\nno cells\nx  y\n");
        assert_eq!(align("이름\tx\n길\ty\n", 6, 3), "이름    x\n길     y\n");
    }
}
