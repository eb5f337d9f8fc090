//! The part of OData `$filter` that Azure's clients send: comparisons and functions joined by `and`.

use crate::Error;

/// How a clause compares a property with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `ge`
    AtLeast,
    /// `gt`
    Above,
    /// `le`
    AtMost,
    /// `lt`
    Below,
}

/// One clause of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clause {
    /// `property eq 'value'`; the value stands without its quotes.
    Compare {
        /// The property's name, as sent.
        property: String,
        /// How it is compared.
        comparison: Comparison,
        /// The value, unquoted.
        value: String,
    },
    /// `name(argument, …)`, e.g. `asTarget()`, `startswith(displayName,'x')`; arguments without quotes.
    Call {
        /// The function's name, as sent.
        name: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// `collection/any(x:x eq 'value')`.
    Any {
        /// The collection's name.
        collection: String,
        /// The value one element must equal.
        value: String,
    },
}

/// Clauses that must all hold. An absent filter is the empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The clauses, in the order sent.
    pub clauses: Vec<Clause>,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// `InvalidFilter` for anything outside the supported grammar: a filter that is not understood must not
    /// silently widen or narrow a list.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut tokens = tokenize(text)?.into_iter().peekable();
        let mut clauses = Vec::new();
        while tokens.peek().is_some() {
            clauses.push(clause(&mut tokens)?);
            match tokens.next() {
                None => break,
                Some(Token::Word(word)) if word.eq_ignore_ascii_case("and") && tokens.peek().is_some() => {}
                Some(_) => return Err(invalid(text)),
            }
        }
        Ok(Self { clauses })
    }

    /// The value that `property eq '…'` asks for. Property names compare without case.
    pub fn equal(&self, property: &str) -> Option<&str> {
        self.clauses.iter().find_map(|clause| match clause {
            Clause::Compare { property: p, comparison: Comparison::Equal, value }
                if p.eq_ignore_ascii_case(property) =>
            {
                Some(value.as_str())
            }
            _ => None,
        })
    }

    /// The arguments of a call to the function, if the filter has one. Names compare without case.
    pub fn call(&self, name: &str) -> Option<&[String]> {
        self.clauses.iter().find_map(|clause| match clause {
            Clause::Call { name: n, arguments } if n.eq_ignore_ascii_case(name) => Some(arguments.as_slice()),
            _ => None,
        })
    }

    /// Whether `property eq '…'` is absent or asks for exactly `actual` (without regard to ASCII case).
    pub fn admits(&self, property: &str, actual: &str) -> bool {
        self.equal(property).is_none_or(|wanted| wanted.eq_ignore_ascii_case(actual))
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
}

type Tokens = std::iter::Peekable<std::vec::IntoIter<Token>>;

fn tokenize(text: &str) -> Result<Vec<Token>, Error> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            ',' => tokens.push(Token::Comma),
            '\'' => tokens.push(Token::Text(quoted(&mut rest).ok_or_else(|| invalid(text))?)),
            c if c.is_whitespace() => {}
            c => {
                let mut word = String::from(c);
                while let Some(c) =
                    rest.next_if(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | ',' | '\''))
                {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}

/// The text up to the closing quote; a doubled quote stands for one.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()? {
            '\'' if rest.next_if_eq(&'\'').is_some() => text.push('\''),
            '\'' => return Some(text),
            c => text.push(c),
        }
    }
}

fn clause(tokens: &mut Tokens) -> Result<Clause, Error> {
    let Some(Token::Word(name)) = tokens.next() else {
        return Err(invalid(""));
    };
    if tokens.next_if_eq(&Token::Open).is_some() {
        return match name.strip_suffix("/any") {
            Some(collection) => any(collection.to_string(), tokens),
            None => call(name, tokens),
        };
    }
    let comparison = match tokens.next() {
        Some(Token::Word(word)) => comparison(&word).ok_or_else(|| invalid(&word))?,
        _ => return Err(invalid(&name)),
    };
    match tokens.next() {
        Some(Token::Text(value) | Token::Word(value)) => {
            Ok(Clause::Compare { property: name, comparison, value })
        }
        _ => Err(invalid(&name)),
    }
}

fn call(name: String, tokens: &mut Tokens) -> Result<Clause, Error> {
    let mut arguments = Vec::new();
    loop {
        match tokens.next() {
            Some(Token::Close) => return Ok(Clause::Call { name, arguments }),
            Some(Token::Text(argument) | Token::Word(argument)) => arguments.push(argument),
            Some(Token::Comma) => {}
            _ => return Err(invalid(&name)),
        }
    }
}

/// The rest of `any(c:c eq 'value')`.
fn any(collection: String, tokens: &mut Tokens) -> Result<Clause, Error> {
    let shape = [tokens.next(), tokens.next(), tokens.next(), tokens.next()];
    match shape {
        [Some(Token::Word(_)), Some(Token::Word(eq)), Some(Token::Text(value)), Some(Token::Close)]
            if eq.eq_ignore_ascii_case("eq") =>
        {
            Ok(Clause::Any { collection, value })
        }
        _ => Err(invalid(&collection)),
    }
}

fn comparison(word: &str) -> Option<Comparison> {
    Some(match word.to_ascii_lowercase().as_str() {
        "eq" => Comparison::Equal,
        "ne" => Comparison::NotEqual,
        "ge" => Comparison::AtLeast,
        "gt" => Comparison::Above,
        "le" => Comparison::AtMost,
        "lt" => Comparison::Below,
        _ => return None,
    })
}

fn invalid(near: &str) -> Error {
    let near: String = near.chars().take(80).collect();
    Error::invalid("InvalidFilter", format!("the $filter is not understood near '{near}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send_is_understood() {
        let filter = Filter::parse("backupManagementType eq 'MAB' and itemType eq 'FileFolder'").unwrap();
        assert_eq!(filter.equal("backupmanagementtype"), Some("MAB"));
        assert_eq!(filter.equal("itemType"), Some("FileFolder"));
        assert!(Filter::parse("asTarget()").unwrap().call("astarget").is_some());
        let filter = Filter::parse("startswith(displayName,'sp1')").unwrap();
        assert_eq!(filter.call("startsWith"), Some(&["displayName".to_string(), "sp1".into()][..]));
        let filter = Filter::parse("servicePrincipalNames/any(c:c eq 'x')").unwrap();
        assert_eq!(
            filter.clauses,
            [Clause::Any { collection: "servicePrincipalNames".into(), value: "x".into() }]
        );
        let filter = Filter::parse("eventTimestamp ge 2026-01-01T00:00:00Z and caller eq 'o''hara'").unwrap();
        assert_eq!(filter.equal("caller"), Some("o'hara"));
        assert_eq!(Filter::parse("  ").unwrap(), Filter::default());
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for bad in
            ["a eq", "a eq 'b", "a eq 'b' or c eq 'd'", "a eq 'b' and", "(a)", "a b c", "f('x'", "x/any(c:c)"]
        {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
    }
}
