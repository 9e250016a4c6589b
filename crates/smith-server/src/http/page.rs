//! The description of everything that is served: as OpenAPI, and as a plain page made of it.

use std::fmt::{self, Write};
use std::sync::OnceLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::routes::document;

/// Nothing is loaded from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}\
    code,pre{font:14px/1.5 ui-monospace,monospace}h2{margin-top:2.5rem;border-bottom:1px solid #ccc}\
    h3{margin:1.5rem 0 .25rem}table{border-collapse:collapse;margin:.5rem 0}\
    td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:left;vertical-align:top}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#151515}a{color:#8ab4f8}td,th,h2{border-color:#444}}";

pub(super) async fn openapi() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_string());
    ([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response()
}

pub(super) async fn docs() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| {
        let mut out = String::new();
        // Writing into a string cannot fail.
        let _ = write_page(&mut out, document());
        out
    });
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, text.as_str()).into_response()
}

/// Text as HTML shows it.
struct Text<'t>(&'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|one| match one {
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '&' => f.write_str("&amp;"),
            '"' => f.write_str("&quot;"),
            other => f.write_char(other),
        })
    }
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn write_page(out: &mut String, document: &Value) -> fmt::Result {
    let info = &document["info"];
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>smith: API</title><style>{STYLE}</style></head><body><h1>smith {}</h1><p>{}</p>\
         <p><a href=\"/openapi.json\">openapi.json</a></p>",
        Text(text(info, "version")),
        Text(text(info, "description"))
    )?;
    let mut operations: Vec<(&str, &str, &str, &Value)> = Vec::new();
    for (path, item) in fields(&document["paths"]) {
        for (method, operation) in fields(item) {
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            operations.push((tag, path.as_str(), method.as_str(), operation));
        }
    }
    operations.sort_by_key(|(tag, path, method, _)| (*tag, *path, *method));
    let mut last = "";
    for (tag, path, method, operation) in operations {
        if tag != last {
            write!(out, "<h2>{}</h2>", Text(tag))?;
            last = tag;
        }
        write_operation(out, path, method, operation)?;
    }
    out.push_str("<h2>types</h2>");
    for (name, schema) in fields(&document["components"]["schemas"]) {
        write_schema(out, name, schema)?;
    }
    out.push_str("</body></html>\n");
    Ok(())
}

fn write_operation(out: &mut String, path: &str, method: &str, operation: &Value) -> fmt::Result {
    let id = Text(text(operation, "operationId"));
    let (method, path) = (method.to_ascii_uppercase(), Text(path));
    write!(out, "<h3 id=\"{id}\"><code>{method} {path}</code></h3><p>{}", Text(text(operation, "summary")))?;
    write!(out, " {}</p>", Text(text(operation, "description")))?;
    let mut rows = String::new();
    for one in items(&operation["parameters"]) {
        write_row(&mut rows, text(one, "name"), &one["schema"], text(one, "description"))?;
    }
    for (_, content) in fields(&operation["requestBody"]["content"]) {
        let need = if operation["requestBody"]["required"] == true { "needed" } else { "may be left away" };
        write_row(&mut rows, "body", &content["schema"], need)?;
    }
    for (status, answer) in fields(&operation["responses"]).filter(|(status, _)| *status != "default") {
        let schema = fields(&answer["content"]).map(|(_, content)| &content["schema"]).next();
        write_row(&mut rows, status, schema.unwrap_or(&Value::Null), text(answer, "description"))?;
    }
    write!(out, "<table>{rows}</table>")
}

fn write_schema(out: &mut String, name: &str, schema: &Value) -> fmt::Result {
    let name = Text(name);
    write!(
        out,
        "<h3 id=\"type-{name}\"><code>{name}</code></h3><p>{}</p><table>",
        Text(text(schema, "description"))
    )?;
    let required: Vec<&str> = items(&schema["required"]).filter_map(Value::as_str).collect();
    for (field, one) in fields(&schema["properties"]) {
        let need = if required.contains(&field.as_str()) { "" } else { "May be left away. " };
        write_row(out, field, one, &format!("{need}{}", text(one, "description")))?;
    }
    for one in items(&schema["enum"]) {
        write_row(out, one.as_str().unwrap_or_default(), &Value::Null, "")?;
    }
    for one in items(&schema["oneOf"]) {
        let words: Vec<&str> = items(&one["enum"]).filter_map(Value::as_str).collect();
        write_row(out, &words.join(" "), &Value::Null, text(one, "description"))?;
    }
    out.push_str("</table>");
    Ok(())
}

fn write_row(out: &mut String, name: &str, schema: &Value, what: &str) -> fmt::Result {
    write!(out, "<tr><th>{}</th><td>", Text(name))?;
    write_type(out, schema)?;
    write!(out, "</td><td>{}</td></tr>", Text(what))
}

/// What a value is, in a word or two.
fn write_type(out: &mut String, schema: &Value) -> fmt::Result {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let name = Text(name);
        return write!(out, "<a href=\"#type-{name}\">{name}</a>");
    }
    let kind = &schema["type"];
    let kinds: Vec<&str> = match kind.as_str() {
        Some(kind) => vec![kind],
        None => items(kind).filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
    };
    match kinds.as_slice() {
        ["array"] => {
            out.push_str("list of ");
            write_type(out, &schema["items"])
        }
        ["object"] if schema["properties"]["items"].is_object() => {
            out.push_str("page: ");
            write_type(out, &schema["properties"]["items"])
        }
        // A type of which more is said, such as that its reason is needed.
        [] if schema["allOf"].is_array() => {
            write_type(out, &schema["allOf"][0])?;
            items(&schema["allOf"][1]["required"])
                .try_for_each(|field| write!(out, " with a {}", Text(field.as_str().unwrap_or_default())))
        }
        [] => items(&schema["oneOf"])
            .filter(|one| one["type"] != "null")
            .try_for_each(|one| write_type(out, one)),
        some => write!(out, "{}", Text(&some.join(" or "))),
    }
}
