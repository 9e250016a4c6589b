//! Where functions and tests begin and end, found by matching braces in scanned code.

use std::ops::Range;

use super::scan::is_word;
use super::tree::line_at;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) offset: usize,
    /// From the line of `fn` to that of the closing brace, both counted.
    pub(crate) lines: usize,
}

/// Every function with a body, nested ones and those inside macros too.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    words(code, "fn").filter_map(|offset| function(code, offset)).collect()
}

/// What is compiled for tests only: items under `#[test]` or `#[cfg(test)]`.
pub(crate) fn test_regions(code: &str) -> Vec<Range<usize>> {
    let mut regions: Vec<Range<usize>> = Vec::new();
    for (offset, _) in code.match_indices('#') {
        let Some(attribute) = attribute(code, offset) else { continue };
        if !attribute.is_for_tests {
            continue;
        }
        let end = match attribute.scope {
            Scope::File => code.len(),
            Scope::Item => body(code, attribute.end).map_or(attribute.end, |body| body.end),
        };
        regions.push(offset..end);
    }
    regions
}

/// The offsets at which `word` stands by itself.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(offset, _)| offset).filter(move |&offset| {
        let before = offset.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(offset + word.len());
        !before.is_some_and(|&byte| is_word(byte)) && !after.is_some_and(|&byte| is_word(byte))
    })
}

/// The end of the bracketed attribute that may begin at the `#` at `offset`.
pub(crate) fn attribute_end(code: &str, offset: usize) -> Option<usize> {
    attribute(code, offset).map(|attribute| attribute.end)
}

struct Attribute {
    end: usize,
    scope: Scope,
    is_for_tests: bool,
}

/// `#[…]` speaks of the item after it, `#![…]` of the file or block around it.
#[derive(Clone, Copy)]
enum Scope {
    Item,
    File,
}

fn attribute(code: &str, offset: usize) -> Option<Attribute> {
    let rest = code[offset..].strip_prefix('#')?;
    let (rest, scope) = rest.strip_prefix('!').map_or((rest, Scope::Item), |rest| (rest, Scope::File));
    let open = code.len() - rest.trim_start().len();
    if code.as_bytes().get(open) != Some(&b'[') {
        return None;
    }
    let end = matching(code, open, b'[', b']')?;
    let text: String = code[open + 1..end - 1].split_whitespace().collect();
    let is_for_tests = text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,");
    Some(Attribute { end, scope, is_for_tests })
}

fn function(code: &str, offset: usize) -> Option<Function> {
    // `r#fn` is a name, and `fn(` a type.
    if code[..offset].ends_with("r#") {
        return None;
    }
    let rest = code[offset + 2..].trim_start();
    let name: String = rest.chars().take_while(|&c| is_name(c)).collect();
    if name.is_empty() {
        return None;
    }
    let end = body(code, offset)?.end;
    Some(Function { name, offset, lines: line_at(&code[offset..end], end - offset) })
}

/// A name as it may stand after `fn`; macros write `$name`, raw names `r#name`.
fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '#')
}

/// The braces that belong to the item whose head stands at `from`; `None` when it ends with a semicolon.
fn body(code: &str, from: usize) -> Option<Range<usize>> {
    let bytes = code.as_bytes();
    let mut depth = 0_usize;
    let mut at = from;
    let mut before = b' ';
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.checked_sub(1)?,
            b';' if depth == 0 => return None,
            b'{' => {
                let end = matching(code, at, b'{', b'}')?;
                // In `Foo<{ N }>` the braces are an argument, in `[u8; { N }]` a length.
                if depth == 0 && before != b'<' {
                    return Some(at..end);
                }
                at = end - 1;
            }
            b'}' => return None,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
        at += 1;
    }
    None
}

/// Just after the bracket that closes the one at `open`.
fn matching(code: &str, open: usize, opening: u8, closing: u8) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        if byte == opening {
            depth += 1;
        } else if byte == closing {
            depth -= 1;
            if depth == 0 {
                return Some(at + 1);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::scan::scan;
    use super::*;

    fn lengths(source: &str) -> Vec<(String, usize)> {
        functions(&scan(source).code).into_iter().map(|f| (f.name, f.lines)).collect()
    }

    fn one(name: &str, lines: usize) -> Vec<(String, usize)> {
        vec![(name.to_owned(), lines)]
    }

    #[test]
    fn a_function_is_counted_from_fn_to_its_brace() {
        assert_eq!(lengths("/// doc\n#[inline]\npub fn a(\n    x: u8,\n) -> u8 {\n    x\n}\n"), one("a", 5));
        assert_eq!(lengths("fn a() {}"), one("a", 1));
        assert_eq!(lengths("const fn a<T>() where T: Copy, {\n}"), one("a", 2));
    }

    #[test]
    fn braces_in_literals_and_comments_do_not_count() {
        assert_eq!(
            lengths("fn a() {\n \"}\"; '}'; // }\n /* } /* } */ */ r#\"}\"#;\n}\nstruct B {}"),
            one("a", 4)
        );
        assert_eq!(
            lengths("fn a<'x>(s: &'x str) -> &'x str {\n match c { '{' => s, _ => s }\n}"),
            one("a", 3)
        );
    }

    #[test]
    fn nested_functions_count_by_themselves_and_in_the_outer_one() {
        let found = lengths("fn a() {\n fn b() {\n }\n}\nimpl X { fn c(&self) { || { 1 }; } }");
        assert_eq!(found, [("a".to_owned(), 4), ("b".to_owned(), 2), ("c".to_owned(), 1)]);
    }

    #[test]
    fn what_only_looks_like_a_function_is_none() {
        let source = "type F = fn(u8) -> u8; struct S { f: fn() } trait T { fn head(&self) -> [u8; 4]; }\n\
                      let r#fn = 1; fn_like!(); let x: Box<dyn Fn(u8)>;";
        assert_eq!(lengths(source), []);
    }

    #[test]
    fn braces_in_a_signature_are_not_the_body() {
        assert_eq!(lengths("fn a(x: [u8; { 1 + 1 }]) -> B<{ 2 }> {\n\n}"), one("a", 3));
        assert_eq!(lengths("macro_rules! m { ($n:ident) => { fn $n() {\n} } }"), one("$n", 2));
    }

    #[test]
    fn test_regions_cover_the_item_and_no_more() {
        let source = "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n fn b() {}\n}\nfn c() {}";
        let code = scan(source).code;
        let regions = test_regions(&code);
        assert_eq!(regions.len(), 1);
        let inside: Vec<_> =
            functions(&code).into_iter().filter(|f| regions[0].contains(&f.offset)).map(|f| f.name).collect();
        assert_eq!(inside, ["b"]);
    }

    #[test]
    fn which_attributes_mean_tests() {
        for source in ["#[test] fn a() {}", "#[cfg( test )] fn a() {}", "#![cfg(test)]\nfn a() {}"] {
            assert_eq!(test_regions(source), vec![Range { start: 0, end: source.len() }], "{source}");
        }
        assert_eq!(test_regions("#[cfg(all(test, unix))] mod a;").len(), 1);
        for source in ["#[cfg(not(test))] fn a() {}", "#[cfg(any(test, x))] fn a() {}", "# [", "#!"] {
            assert_eq!(test_regions(source), [], "{source}");
        }
    }
}
