//! Routes together with their descriptions, so that what is described is what is served.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use serde_json::{Value, json};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ArrayBuilder, Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Content, KnownFormat, Ref, RefOr, Required, ResponseBuilder, SchemaFormat};
use utoipa::{IntoParams, ToSchema};

use super::app::App;
use super::auth::authenticate;
use super::guard::{begun, bounded, guard, no_such_route};
use super::take::BODY_MAX;

/// Items of a page at most, as the verbs have it.
const PAGE_MAX: u32 = 1_000;

type Schemas = BTreeMap<String, RefOr<Schema>>;

/// Who is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Anybody who reaches the address.
    Open,
    /// Those who are known.
    Known,
}

/// How long an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As long as anything does, and in its turn.
    Bounded,
    /// As long as it goes on, with limits of its own.
    Unhurried,
}

/// What a request does, and what comes with it and of it.
pub(super) struct Operation {
    door: Door,
    pace: Pace,
    build: OperationBuilder,
    schemas: Schemas,
    answers: Vec<(&'static str, ResponseBuilder)>,
}

impl Operation {
    pub(super) fn new(tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        let build = OperationBuilder::new().operation_id(Some(id)).summary(Some(summary)).tag(tag);
        let pace = Pace::Bounded;
        Self { door: Door::Known, pace, build, schemas: Schemas::new(), answers: Vec::new() }
    }

    /// It takes long, and sees to its limits by itself. It has no body.
    pub(super) fn unhurried(self) -> Self {
        Self { pace: Pace::Unhurried, ..self }
    }

    /// It is answered to anybody.
    pub(super) fn open(self) -> Self {
        Self { door: Door::Open, ..self }
    }

    pub(super) fn with_description(self, text: &'static str) -> Self {
        Self { build: self.build.description(Some(text)), ..self }
    }

    /// A number in the path.
    pub(super) fn number(self, name: &str, what: &str) -> Self {
        let schema = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
            .minimum(Some(0))
            .build();
        self.part(name, what, schema)
    }

    /// A name in the path.
    pub(super) fn name(self, name: &str, what: &str) -> Self {
        self.part(name, what, Object::with_type(SchemaType::Type(Type::String)))
    }

    fn part(self, name: &str, what: &str, schema: Object) -> Self {
        let part = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(what))
            .schema(Some(Schema::Object(schema)));
        Self { build: self.build.parameter(part.build()), ..self }
    }

    pub(super) fn query<Q: IntoParams>(self) -> Self {
        let parameters = Q::into_params(|| Some(ParameterIn::Query));
        let build = parameters.into_iter().fold(self.build, OperationBuilder::parameter);
        Self { build, ..self }
    }

    pub(super) fn header(self, name: &str, what: &str, pattern: &str) -> Self {
        let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).pattern(Some(pattern));
        let header = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(what))
            .schema(Some(Schema::Object(text.build())));
        Self { build: self.build.parameter(header.build()), ..self }
    }

    /// It needs a body.
    pub(super) fn body<B: ToSchema>(self) -> Self {
        self.with_body::<B>(Required::True)
    }

    /// It may have a body.
    pub(super) fn may_have<B: ToSchema>(self) -> Self {
        self.with_body::<B>(Required::False)
    }

    /// It needs a body that says why.
    pub(super) fn reasoned<B: ToSchema>(mut self) -> Self {
        let said = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).pattern(Some("\\S"));
        let reason = ObjectBuilder::new().property("reason", said).required("reason");
        let both = AllOfBuilder::new().item(self.name_of::<B>()).item(reason);
        self.put(RefOr::T(Schema::AllOf(both.build())), Required::True)
    }

    fn with_body<B: ToSchema>(mut self, required: Required) -> Self {
        let name = self.name_of::<B>();
        self.put(RefOr::Ref(name), required)
    }

    fn put(mut self, schema: RefOr<Schema>, required: Required) -> Self {
        let content = Content::new(Some(schema));
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(required));
        self.build = self.build.request_body(Some(body.build()));
        self
    }

    /// It answers one thing.
    pub(super) fn one<T: ToSchema>(mut self) -> Self {
        let schema = self.name_of::<T>();
        self.answer("200", "What there is.", "application/json", schema.into())
    }

    /// It answers a list in pages.
    pub(super) fn page<T: ToSchema>(mut self) -> Self {
        let items = ArrayBuilder::new().items(self.name_of::<T>());
        let next = SchemaType::from_iter([Type::String, Type::Null]);
        let next = ObjectBuilder::new()
            .schema_type(next)
            .description(Some("Give this as `after` to get the next page; nothing when this was the last."));
        let page = ObjectBuilder::new().property("items", items).property("next", next);
        let page = page.required("items").required("next").build();
        self.answer("200", "A page of what there is.", "application/json", Schema::Object(page).into())
    }

    /// It answers JSON that is described elsewhere.
    pub(super) fn document(self) -> Self {
        let schema = Schema::Object(Object::with_type(SchemaType::Type(Type::Object)));
        self.answer("200", "The document.", "application/json", schema.into())
    }

    /// It tells things as they happen.
    pub(super) fn stream<T: ToSchema>(mut self) -> Self {
        self.name_of::<T>();
        self.text("text/event-stream", "The stream.")
    }

    /// It makes something.
    pub(super) fn made<T: ToSchema>(mut self) -> Self {
        let schema = self.name_of::<T>();
        self.answer("201", "It was made; `Location` says where it is.", "application/json", schema.into())
    }

    /// It does something, and there is nothing to say about it.
    pub(super) fn done(mut self) -> Self {
        self.answers.push(("204", ResponseBuilder::new().description("It is done.")));
        self
    }

    /// It answers text of some sort.
    pub(super) fn text(self, kind: &str, what: &str) -> Self {
        let schema = Schema::Object(Object::with_type(SchemaType::Type(Type::String)));
        self.answer("200", what, kind, schema.into())
    }

    /// It answers text of one of several sorts.
    pub(super) fn texts(mut self, kinds: &[&str], what: &str) -> Self {
        let content = || {
            let schema = Schema::Object(Object::with_type(SchemaType::Type(Type::String)));
            Content::new(Some(RefOr::T(schema)))
        };
        let answer = ResponseBuilder::new().description(what);
        let answer = kinds.iter().fold(answer, |answer, kind| answer.content(*kind, content()));
        self.answers.push(("200", answer));
        self
    }

    fn answer(mut self, status: &'static str, what: &str, kind: &str, schema: RefOr<Schema>) -> Self {
        let answer = ResponseBuilder::new().description(what).content(kind, Content::new(Some(schema)));
        self.answers.push((status, answer));
        self
    }

    fn name_of<T: ToSchema>(&mut self) -> Ref {
        let mut more = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut more);
        self.schemas.extend(more);
        Ref::from_schema_name(T::name())
    }

    fn finish(self, schemas: &mut Schemas) -> OperationBuilder {
        schemas.extend(self.schemas);
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let fault = ResponseBuilder::new()
            .description("It was not done, and why.")
            .content("application/problem+json", problem);
        let mut build = self.build;
        for (status, answer) in self.answers {
            build = build.response(status, answer.build());
        }
        build = build.response("default", fault.build());
        if self.door == Door::Open { build.securities(Some([])) } else { build }
    }
}

/// All routes and their description.
pub(super) struct Api {
    open: Router<App>,
    known: Router<App>,
    unhurried: Router<App>,
    paths: Paths,
    schemas: Schemas,
}

impl Api {
    pub(super) fn new() -> Self {
        let mut schemas = Schemas::new();
        schemas.insert(
            smith_api::Problem::name().into_owned(),
            <smith_api::Problem as utoipa::PartialSchema>::schema(),
        );
        let (open, known, unhurried) = (Router::new(), Router::new(), Router::new());
        Self { open, known, unhurried, paths: Paths::new(), schemas }
    }

    pub(super) fn get<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.route(path, HttpMethod::Get, get(handler), operation)
    }

    pub(super) fn post<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let key = "A name of this request: however often it is sent under it, it is carried out once.";
        self.post_without_key(path, handler, operation.header("Idempotency-Key", key, "^[!-~]{1,200}$"))
    }

    pub(super) fn post_without_key<H, T>(self, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.route(path, HttpMethod::Post, post(handler), operation)
    }

    fn route(
        mut self,
        path: &str,
        method: HttpMethod,
        to: axum::routing::MethodRouter<App>,
        operation: Operation,
    ) -> Self {
        match (operation.door, operation.pace) {
            (Door::Open, _) => self.open = self.open.route(path, to),
            (Door::Known, Pace::Bounded) => self.known = self.known.route(path, to),
            (Door::Known, Pace::Unhurried) => self.unhurried = self.unhurried.route(path, to),
        }
        let operation = operation.finish(&mut self.schemas).build();
        self.paths.add_path_operation(path, vec![method], operation);
        self
    }

    pub(super) fn router(self, app: &App) -> Router {
        let known = self
            .known
            // Whoever is not known is sent away before anything else is done for them.
            .route_layer(from_fn_with_state(app.clone(), bounded))
            .merge(self.unhurried)
            .route_layer(from_fn_with_state(app.clone(), authenticate))
            // Nobody is known before the journal was read.
            .route_layer(from_fn_with_state(app.clone(), begun));
        self.open
            .merge(known)
            .fallback(no_such_route)
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .layer(from_fn_with_state(app.clone(), guard))
            .with_state(app.clone())
    }

    /// The OpenAPI document.
    pub(super) fn document(self, about: &str) -> Value {
        let mut paths = serde_json::to_value(&self.paths).unwrap_or_default();
        let mut schemas = serde_json::to_value(&self.schemas).unwrap_or_default();
        bound(&mut paths);
        bound(&mut schemas);
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "smith",
                "description": about,
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
            },
            "servers": [{ "url": "/" }],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            },
            "security": [{ "token": [] }],
        })
    }
}

/// Says the limits of values: the largest number wherever there is one, which formats only hint at, and those of pages.
fn bound(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("in").is_some_and(|place| place == "query") {
                match fields.get("name").and_then(Value::as_str) {
                    Some("limit") => {
                        fields["schema"] = json!({ "type": "integer", "minimum": 1, "maximum": PAGE_MAX })
                    }
                    Some("after" | "before") => {
                        fields["schema"] = json!({ "type": "string", "pattern": "^[0-9]{1,18}$" })
                    }
                    Some(_) | None => {}
                }
            }
            let largest = match fields.get("format").and_then(Value::as_str) {
                Some("int32") if fields.get("minimum") == Some(&json!(0)) => Some(u64::from(u32::MAX)),
                Some("int64") if fields.get("minimum") == Some(&json!(0)) => Some(u64::MAX),
                _ => None,
            };
            if let Some(largest) = largest {
                fields.remove("format");
                fields.insert("maximum".to_owned(), json!(largest));
            }
            fields.values_mut().for_each(bound);
        }
        Value::Array(items) => items.iter_mut().for_each(bound),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
