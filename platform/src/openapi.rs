//! The API document (OpenAPI 3.1), put together at run time from the types that serve the API, and its pages.

use crate::problem::{FieldError, ProblemDocument};
use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use kernel::Reach;
use std::collections::BTreeMap;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Required, ResponseBuilder,
    Schema,
};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_swagger_ui::{Config, SwaggerUi, Url};

/// The name of the security scheme: an access token in the `Authorization` header.
const BEARER: &str = "bearer";

/// Swagger UI needs its own scripts and inline styles; nothing from elsewhere.
const DOCS_CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

type NamedSchemas = Vec<(String, RefOr<Schema>)>;

/// One operation: a method on a path.
pub struct Operation {
    method: Method,
    path: String,
    id: String,
    builder: OperationBuilder,
    parameters: Vec<Parameter>,
    responses: BTreeMap<u16, utoipa::openapi::Response>,
    schemas: NamedSchemas,
}

impl Operation {
    /// An operation. `path` is written as axum's: `/v1/tickets/{ticket_id}`. A path parameter that nobody
    /// describes is a UUID when its name is or ends in `id`, else text.
    pub fn new(method: Method, path: impl Into<String>, id: impl Into<String>) -> Self {
        let id = id.into();
        Self {
            method,
            path: path.into(),
            builder: OperationBuilder::new().operation_id(Some(id.clone())),
            id,
            parameters: Vec::new(),
            responses: BTreeMap::new(),
            schemas: Vec::new(),
        }
    }

    /// The heading under which it is shown.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.builder = self.builder.tag(tag);
        self
    }

    /// What it does, from a doc comment: the first sentence is the summary, all of it the description.
    pub fn docs(mut self, text: &str) -> Self {
        let text = text.trim();
        let first = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let summary = first.split_inclusive(". ").next().unwrap_or_default().trim().trim_end_matches('.');
        self.builder = self.builder.summary(Some(summary)).description(Some(text));
        self
    }

    /// What it does, from the doc comment of a type, which its schema carries.
    pub fn docs_of<T: ToSchema>(self) -> Self {
        match description_of::<T>() {
            Some(text) => self.docs(&text),
            None => self,
        }
    }

    /// A parameter in the path.
    pub fn path_parameter<T: PartialSchema>(self, name: &str, description: &str) -> Self {
        self.parameter::<T>(ParameterIn::Path, name, true, description)
    }

    /// A parameter in the query.
    pub fn query_parameter<T: PartialSchema>(self, name: &str, required: bool, description: &str) -> Self {
        self.parameter::<T>(ParameterIn::Query, name, required, description)
    }

    /// All parameters of a struct in the query.
    pub fn query<P: IntoParams>(mut self) -> Self {
        self.parameters.extend(P::into_params(|| Some(ParameterIn::Query)));
        self
    }

    /// A request header.
    pub fn header_parameter<T: PartialSchema>(self, name: &str, required: bool, description: &str) -> Self {
        self.parameter::<T>(ParameterIn::Header, name, required, description)
    }

    /// The JSON body, required.
    pub fn body<T: ToSchema>(self) -> Self {
        self.with_body::<T>(Required::True)
    }

    /// A body that is a file, in one of these forms.
    pub fn file_body(mut self, media_types: &[&str]) -> Self {
        let body = media_types.iter().fold(RequestBodyBuilder::new(), |body, media_type| {
            body.content(*media_type, Content::new(Some(ObjectBuilder::new().schema_type(Type::String))))
        });
        self.builder = self.builder.request_body(Some(body.required(Some(Required::True)).build()));
        self.problem(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.")
            .problem(StatusCode::PAYLOAD_TOO_LARGE, "The body is too long.")
            .problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not declared as such a file.")
    }

    /// The JSON body, which may be left out.
    pub fn optional_body<T: ToSchema>(self) -> Self {
        self.with_body::<T>(Required::False)
    }

    /// With what every body may be refused for before anybody looks into it.
    fn with_body<T: ToSchema>(mut self, required: Required) -> Self {
        let content = Content::new(Some(self.schema::<T>()));
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(required));
        self.builder = self.builder.request_body(Some(body.build()));
        self.problem(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.")
            .problem(StatusCode::PAYLOAD_TOO_LARGE, "The body is too long.")
            .problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not declared as application/json.")
    }

    /// A JSON answer.
    pub fn response<T: ToSchema>(self, status: StatusCode, description: &str) -> Self {
        self.response_as::<T>(status, "application/json", description)
    }

    /// A JSON answer whose media type says more than that: `application/cloudevents+json`.
    pub fn response_as<T: ToSchema>(mut self, status: StatusCode, media_type: &str, description: &str) -> Self {
        let content = Content::new(Some(self.schema::<T>()));
        self.add(status, description, |response| response.content(media_type, content))
    }

    /// What a generic answer is made of: the rows of a page.
    pub fn component<T: ToSchema>(mut self) -> Self {
        collect::<T>(&mut self.schemas);
        self
    }

    /// An answer of another media type, as text: `text/csv`, `application/x-ndjson`.
    pub fn response_text(self, status: StatusCode, media_type: &str, description: &str) -> Self {
        // Each event of a stream would be held against the schema of the whole.
        let schema = (media_type != "text/event-stream").then(String::schema);
        self.add(status, description, |response| response.content(media_type, Content::new(schema)))
    }

    /// An answer without a body.
    pub fn response_empty(self, status: StatusCode, description: &str) -> Self {
        self.add(status, description, |response| response)
    }

    /// A header of the answer with this status, which must have been added.
    pub fn response_header<T: PartialSchema>(mut self, status: StatusCode, name: &str, description: &str) -> Self {
        if let Some(response) = self.responses.remove(&status.as_u16()) {
            let header = HeaderBuilder::new().schema(Some(T::schema())).description(Some(description)).build();
            let response = ResponseBuilder::from(response).header(name, header);
            self.responses.insert(status.as_u16(), response.build());
        }
        self
    }

    /// A refusal, as a problem: what that is, every document says.
    pub fn problem(self, status: StatusCode, description: &str) -> Self {
        let content = Content::new(Some(Ref::from_schema_name(ProblemDocument::name())));
        self.add(status, description, |response| response.content("application/problem+json", content))
    }

    /// Needs an access token with this scope, and says what is answered without.
    pub fn bearer(mut self, scope: Option<&str>) -> Self {
        self.builder = self.builder.security(SecurityRequirement::new(BEARER, scope));
        let this = self
            .problem(StatusCode::UNAUTHORIZED, "No valid access token.")
            .problem(StatusCode::TOO_MANY_REQUESTS, "The caller asks too often: again after Retry-After.");
        match scope {
            Some(scope) => this.problem(StatusCode::FORBIDDEN, &format!("The token lacks the scope `{scope}`.")),
            None => this,
        }
    }

    /// Says whose things it reaches, as extension `x-reach`: `all`, `own`, `team` or `below`, and which
    /// scope makes it `all`.
    pub fn reach(mut self, reach: Reach) -> Self {
        let all = reach.all().map(|scope| serde_json::json!(scope.as_str()));
        let value = serde_json::json!({ "rule": reach.as_str(), "all": all });
        self.builder = self.builder.extensions(Some(Extensions::builder().add("x-reach", value).build()));
        self
    }

    fn parameter<T: PartialSchema>(
        mut self,
        place: ParameterIn,
        name: &str,
        required: bool,
        description: &str,
    ) -> Self {
        let required = if required { Required::True } else { Required::False };
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .description(Some(description))
            .schema(Some(T::schema()));
        self.parameters.push(parameter.build());
        self
    }

    /// A second description of the same status is added to the first: one status can have several reasons.
    fn add(
        mut self,
        status: StatusCode,
        description: &str,
        with: impl FnOnce(ResponseBuilder) -> ResponseBuilder,
    ) -> Self {
        let (described, description) = match self.responses.remove(&status.as_u16()) {
            None => (ResponseBuilder::new(), description.to_owned()),
            Some(earlier) => {
                let both = format!("{} {description}", earlier.description);
                (ResponseBuilder::from(earlier), both)
            }
        };
        self.responses.insert(status.as_u16(), with(described.description(description)).build());
        self
    }

    /// A reference to `T`, which becomes a component with everything it refers to. What is generic (`Vec<Row>`) has one
    /// name for all it is made of, and so stands where it is used.
    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        if std::any::type_name::<T>().contains('<') {
            T::schemas(&mut self.schemas);
            return T::schema();
        }
        collect::<T>(&mut self.schemas);
        Ref::from_schema_name(T::name()).into()
    }

    fn describe_path_parameters(&mut self) {
        for name in self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
            let name = name.trim_start_matches('*');
            let known =
                |parameter: &Parameter| parameter.name == name && matches!(parameter.parameter_in, ParameterIn::Path);
            if self.parameters.iter().any(known) {
                continue;
            }
            let text = ObjectBuilder::new().schema_type(Type::String);
            let is_id = name == "id" || name.ends_with("_id");
            let schema = if is_id { text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))) } else { text };
            let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
            self.parameters.push(parameter.schema(Some(schema)).build());
        }
    }
}

/// The doc comment of a type, as its schema carries it.
pub fn description_of<T: ToSchema>() -> Option<String> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object.description,
        RefOr::T(Schema::OneOf(one_of)) => one_of.description,
        RefOr::T(Schema::AllOf(all_of)) => all_of.description,
        RefOr::T(Schema::AnyOf(any_of)) => any_of.description,
        RefOr::T(Schema::Array(array)) => array.description,
        _ => None,
    }
}

fn collect<T: ToSchema>(schemas: &mut NamedSchemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// The document while it grows.
pub struct Document {
    info: InfoBuilder,
    tags: Vec<TagBuilder>,
    paths: Paths,
    schemas: BTreeMap<String, RefOr<Schema>>,
    findings: Vec<String>,
    ids: Vec<String>,
}

impl Document {
    /// An empty document. `description` is Markdown.
    pub fn new(title: &str, version: &str, description: &str) -> Self {
        let mut document = Self {
            info: InfoBuilder::new().title(title).version(version).description(Some(description)),
            tags: Vec::new(),
            paths: Paths::new(),
            schemas: BTreeMap::new(),
            findings: Vec::new(),
            ids: Vec::new(),
        };
        document.schema::<ProblemDocument>();
        document.schema::<FieldError>();
        document
    }

    /// A heading with what belongs under it.
    pub fn tag(&mut self, name: &str, description: &str) -> &mut Self {
        self.tags.push(TagBuilder::new().name(name).description(Some(description)));
        self
    }

    /// Adds an operation with every schema it refers to.
    pub fn operation(&mut self, mut operation: Operation) -> &mut Self {
        operation.describe_path_parameters();
        let Operation { method, path, id, builder, parameters, responses, schemas } = operation;
        let Some(http_method) = http_method(&method) else {
            self.findings.push(format!("{method} {path}: no such method in OpenAPI"));
            return self;
        };
        if self.ids.contains(&id) {
            self.findings.push(format!("{method} {path}: the operation id {id} is taken"));
        }
        let path = path.replace("{*", "{");
        if self.paths.get_path_operation(&path, http_method.clone()).is_some() {
            self.findings.push(format!("{method} {path}: described twice"));
        }
        let responses = responses.into_iter().map(|(status, response)| (status.to_string(), response));
        let operation = responses
            .fold(builder, |builder, (status, response)| builder.response(status, response))
            .parameters(Some(parameters));
        self.paths.add_path_operation(path, vec![http_method], operation.build());
        self.ids.push(id);
        self.add_schemas(schemas);
        self
    }

    /// Adds a type that no operation refers to.
    pub fn schema<T: ToSchema>(&mut self) -> &mut Self {
        let mut schemas = NamedSchemas::new();
        collect::<T>(&mut schemas);
        self.add_schemas(schemas);
        self
    }

    /// What is wrong with the document: two types of one name, two operations of one id or path. For a
    /// contract test; the first of two is kept.
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// The finished document. In debug builds, one with findings is a panic.
    pub fn build(self) -> OpenApi {
        debug_assert!(self.findings.is_empty(), "{:?}", self.findings);
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token (RFC 9068), signed with Ed25519. Tenant and actor come from it."));
        let components = ComponentsBuilder::new()
            .schemas_from_iter(self.schemas)
            .security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
        OpenApiBuilder::new()
            .info(self.info.build())
            .paths(self.paths)
            .components(Some(components.build()))
            .tags(Some(self.tags.into_iter().map(TagBuilder::build)))
            .build()
    }

    fn add_schemas(&mut self, schemas: NamedSchemas) {
        for (name, schema) in schemas {
            match self.schemas.get(&name) {
                Some(known) if *known != schema => {
                    let finding = format!("two different types are called {name}");
                    if !self.findings.contains(&finding) {
                        self.findings.push(finding);
                    }
                }
                Some(_) => {}
                None => {
                    self.schemas.insert(name, schema);
                }
            }
        }
    }
}

fn http_method(method: &Method) -> Option<HttpMethod> {
    Some(match *method {
        Method::GET => HttpMethod::Get,
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        Method::HEAD => HttpMethod::Head,
        Method::OPTIONS => HttpMethod::Options,
        Method::TRACE => HttpMethod::Trace,
        _ => return None,
    })
}

/// A document and where it is served.
pub struct Page {
    /// What it is called in the list of documents.
    pub title: &'static str,
    /// Where it is: `/openapi.json`.
    pub path: &'static str,
    /// The document.
    pub document: OpenApi,
}

/// The documents at their paths, and Swagger UI over all of them under `/docs`, from assets inside the binary.
///
/// # Errors
/// A document cannot be written as JSON.
pub fn router(pages: &[Page]) -> Result<Router, serde_json::Error> {
    let mut served = Router::new();
    for page in pages {
        let json = Bytes::from(page.document.to_json()?);
        let serve = move || {
            let json = json.clone();
            async move { ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], json) }
        };
        served = served.route(page.path, get(serve));
    }
    let config = match pages {
        [only] => Config::from(only.path),
        several => Config::new(several.iter().map(|page| Url::new(page.title, page.path))),
    };
    // "none": the page must not send the document to the validator of its makers.
    let config = config.validator_url("none").display_operation_id(true);
    let docs: Router = SwaggerUi::new("/docs").config(config).into();
    Ok(docs.layer(from_fn(relaxed)).merge(served))
}

async fn relaxed(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, DOCS_CSP);
    response
}

#[cfg(test)]
mod tests;
