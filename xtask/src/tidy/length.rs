//! How long a file and a function may be.

use super::item::{functions, test_regions};
use super::report::Report;
use super::tree::{File, Tree, line_at};

/// What a person can hold in mind of one file; files aim at far less.
const FILE_LINES: usize = 800;
/// Tests are read one at a time, so a file of nothing else may be longer.
const TEST_FILE_LINES: usize = 1500;
/// What fits on a screen.
const FUNCTION_LINES: usize = 70;

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    for file in tree.rust() {
        check_file(file, report);
        if !file.is_test_code() {
            check_functions(file, report);
        }
    }
}

fn check_file(file: &File, report: &mut Report) {
    let most = if file.is_test_code() { TEST_FILE_LINES } else { FILE_LINES };
    let found = file.text().unwrap_or_default().lines().count();
    if found > most {
        report.find(&file.path, 0, format!("expected at most {most} lines, found {found}"));
    }
}

fn check_functions(file: &File, report: &mut Report) {
    let code = &file.scan().code;
    let tests = test_regions(code);
    for function in functions(code) {
        let is_test = tests.iter().any(|region| region.contains(&function.offset));
        if !is_test && function.lines > FUNCTION_LINES {
            let (name, found) = (&function.name, function.lines);
            let message = format!("expected at most {FUNCTION_LINES} lines in fn {name}, found {found}");
            report.find(&file.path, line_at(code, function.offset), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::found;
    use super::*;

    fn function(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    \"}\";\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_of_seventy_lines_is_the_longest() {
        assert_eq!(found(check, &[("a.rs", &function(70))]), Vec::<String>::new());
        let source = format!("// one\n{}", function(71));
        assert_eq!(
            found(check, &[("a.rs", &source)]),
            ["a.rs:2: expected at most 70 lines in fn long, found 71"]
        );
    }

    #[test]
    fn tests_may_be_longer() {
        let inline = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(90));
        let files = [("a.rs", inline.as_str()), ("a/tests.rs", &function(90)), ("tests/b.rs", &function(90))];
        assert_eq!(found(check, &files), Vec::<String>::new());
    }

    #[test]
    fn a_file_is_measured_with_its_inline_tests() {
        let text = "\n".repeat(801);
        assert_eq!(found(check, &[("a.rs", &text)]), ["a.rs: expected at most 800 lines, found 801"]);
        assert_eq!(found(check, &[("a.rs", &text[1..]), ("tests.rs", &text), ("a.md", &text)]).len(), 0);
        let text = "\n".repeat(1501);
        assert_eq!(
            found(check, &[("tests/a.rs", &text)]),
            ["tests/a.rs: expected at most 1500 lines, found 1501"]
        );
    }
}
