//! Variables inferred from an example of what is sent: a JSON text, key-value pairs, or a whole request.
//!
//! Nothing inferred is required: whether a variable has to be there is for people to say. All ways end in the same
//! inference, so that the same data gives the same variables.

mod guess;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::request::{self, Headers, Refusal, Request, WEBHOOK_MEMBERS};
use crate::workflow::{
    ID_CHARS_MAX, NESTED_VARIABLES_MAX, PresetInfo, Source, VARIABLE_DEPTH_MAX, VARIABLES_MAX, Variable, VariableType,
};

/// Characters of an example's text; a longer one is cut.
const EXAMPLE_CHARS_MAX: usize = 200;
/// Elements of an array that are looked at.
const ELEMENTS_MAX: usize = 100;

/// Names and declarations, in the order found.
pub type Variables = Vec<(String, Variable)>;

/// The variables of a JSON body: the members of an object. Anything else has no names and gives none.
#[must_use]
pub fn infer(body: &Value) -> Variables {
    let Value::Object(members) = body else { return Vec::new() };
    let mut budget = NESTED_VARIABLES_MAX;
    let mut variables = Variables::new();
    for (key, value) in members {
        if variables.len() == VARIABLES_MAX {
            break;
        }
        let mut variable = of(&[value], VARIABLE_DEPTH_MAX, &mut budget);
        let Some(name) = free_name(key, &variables) else { continue };
        if name != *key {
            // A dot would lead elsewhere.
            if key.contains('.') {
                continue;
            }
            variable.source = Some(Source::Body(key.clone()));
        }
        variables.push((name, variable));
    }
    variables
}

/// The variables of a form or a query as it was sent. Texts that can only be meant as numbers or booleans are taken as
/// such.
///
/// # Errors
/// The text is no form.
pub fn infer_form(text: &str) -> Result<Variables, Refusal> {
    request::fields(text).map(|fields| infer(&guess::typed(fields)))
}

/// The variables of key-value pairs, as people write them down; `a[b]` and repeated keys mean what they mean in forms.
///
/// # Errors
/// A key is both a value and a container, or nested too deep.
pub fn infer_pairs<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<Variables, Refusal> {
    let form: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    infer_form(&form)
}

/// The variables of a query, found there only.
///
/// # Errors
/// The text is no query.
pub fn infer_query(query: &str) -> Result<Variables, Refusal> {
    let found = |(name, variable): (String, Variable)| {
        // Names that had to change stand in the query as they were.
        let key = match &variable.source {
            Some(Source::Body(key)) => key.clone(),
            _ => name.clone(),
        };
        (name, Variable { source: Some(Source::Query(key)), ..variable })
    };
    infer_form(query).map(|variables| variables.into_iter().map(found).collect())
}

/// The variables of headers. Those of the transport say nothing, and credentials are nobody's example.
#[must_use]
pub fn infer_headers(headers: &Headers) -> Variables {
    let mut joined: IndexMap<&str, String> = IndexMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !guess::is_transport(name) && !guess::is_credential(name)) {
        joined.entry(name).and_modify(|all| *all = format!("{all}, {value}")).or_insert_with(|| value.to_owned());
    }
    let mut variables = Variables::new();
    for (header, value) in joined {
        if variables.len() == VARIABLES_MAX {
            break;
        }
        let mut variable = of(&[&guess::scalar(&value)], 0, &mut 0);
        variable.source = Some(Source::Header(header.to_owned()));
        if let Some(name) = free_name(&header.replace('-', "_"), &variables) {
            variables.push((name, variable));
        }
    }
    variables
}

/// The variables of a whole request: of its body, read as senders of this preset mean it, then of query and headers what the body
/// does not have.
///
/// # Errors
/// The request would be refused by any hook.
pub fn infer_request(request: &Request<'_>, preset: Option<&PresetInfo>) -> Result<Variables, Refusal> {
    let (body, spelled) = request::undeclared(request, preset)?;
    let mut variables = infer(&if spelled { guess::typed(body) } else { body });
    // Of a GET the query is the body.
    let query = if request.method == "GET" { Variables::new() } else { infer_query(request.query)? };
    for (name, variable) in query.into_iter().chain(infer_headers(request.headers)) {
        if variables.len() < VARIABLES_MAX && !variables.iter().any(|(known, _)| *known == name) {
            variables.push((name, variable));
        }
    }
    Ok(variables)
}

/// The variables as a trigger declares them, in YAML: a block `variables:` to be put into a document.
#[must_use]
pub fn to_yaml(variables: &Variables) -> String {
    let declared = |(name, variable): &(String, Variable)| {
        (name.clone(), serde_json::to_value(variable).expect("a variable has only text keys and finite numbers"))
    };
    let declared: Map<String, Value> = variables.iter().map(declared).collect();
    serde_yaml_ng::to_string(&serde_json::json!({ "variables": declared })).expect("a JSON value can be written as YAML")
}

/// What a declared variable may look like: its example, or one made of those of its elements and members. `None` if
/// nothing is known.
#[must_use]
pub fn example(variable: &Variable) -> Option<Value> {
    let own = variable.example.clone().or_else(|| variable.default.clone());
    own.or_else(|| match variable.kind {
        VariableType::Array => variable.items.as_deref().map(|items| example(items).into_iter().collect()),
        VariableType::Object if !variable.fields.is_empty() => {
            let members = variable.fields.iter();
            let members = members.filter_map(|(name, field)| Some((name.clone(), example(field)?)));
            Some(Value::Object(members.collect::<Map<_, _>>()))
        }
        VariableType::Object | VariableType::String | VariableType::Number | VariableType::Boolean => None,
    })
}

/// The declaration that fits all of several values, as closely as can be said.
fn of(values: &[&Value], depth: usize, budget: &mut usize) -> Variable {
    let mut present = values.iter().copied().filter(|value| !value.is_null()).peekable();
    let Some(first) = present.peek().copied() else { return Variable::default() };
    let mut variable = Variable { kind: kind(first), ..Variable::default() };
    match first {
        Value::Array(_) if depth > 0 => {
            let lists = present.filter_map(Value::as_array);
            let elements: Vec<&Value> = lists.flatten().filter(|element| !element.is_null()).take(ELEMENTS_MAX).collect();
            let alike = elements.windows(2).all(|pair| kind(pair[0]) == kind(pair[1]));
            if !elements.is_empty() && alike && *budget > 0 {
                *budget -= 1;
                variable.items = Some(Box::new(of(&elements, depth - 1, budget)));
            }
        }
        Value::Object(_) if depth > 0 => {
            let mut members: IndexMap<&str, Vec<&Value>> = IndexMap::new();
            for (name, member) in present.filter_map(Value::as_object).flatten() {
                members.entry(name).or_default().push(member);
            }
            for (name, values) in members {
                let known: Vec<&Value> = values.into_iter().filter(|value| !value.is_null()).collect();
                let alike = known.windows(2).all(|pair| kind(pair[0]) == kind(pair[1]));
                if alike && *budget > 0 {
                    *budget -= 1;
                    variable.fields.insert(name.to_owned(), of(&known, depth - 1, budget));
                }
            }
        }
        Value::String(text) => variable.example = Some(text.chars().take(EXAMPLE_CHARS_MAX).collect::<String>().into()),
        Value::Number(_) | Value::Bool(_) => variable.example = Some(first.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => {}
    }
    variable
}

fn kind(value: &Value) -> VariableType {
    match value {
        Value::Null | Value::String(_) => VariableType::String,
        Value::Bool(_) => VariableType::Boolean,
        Value::Number(_) => VariableType::Number,
        Value::Array(_) => VariableType::Array,
        Value::Object(_) => VariableType::Object,
    }
}

/// A name for what was found under a key: the key, unless it means something else. `None` if no variable can be called
/// anything like it.
fn free_name(key: &str, taken: &Variables) -> Option<String> {
    let name = if WEBHOOK_MEMBERS.contains(&key) { format!("sent_{key}") } else { key.to_owned() };
    let possible = !name.is_empty() && name.chars().count() <= ID_CHARS_MAX && !name.chars().any(char::is_control);
    (possible && !taken.iter().any(|(taken, _)| *taken == name)).then_some(name)
}
