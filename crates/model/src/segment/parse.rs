//! Reads a rule's text. Every refusal says where and what was expected.
//!
//! ```text
//! rule      = all { "||" all }
//! all       = unit { "&&" unit }
//! unit      = "!" unit | "(" rule ")" | condition
//! condition = "has(" value ")" | "in_list(" text ")" | "in_import(" text ")"
//!           | value ( compare literal | "in [" text { "," text } "]" | "." ("contains" | "startsWith" | "endsWith") "(" text ")" )
//!           | event [ compare number | ".sum()" compare number ]
//! value     = "attr." name | "attr[" text "]" | field          (inside where(): "property." …)
//! event     = ( word | "did(" [ text ] ")" ) { "." ( "campaign(" text ")" | "cause(" text ")" | "put_off()"
//!           | "reason(" text ")" | "variant(" text ")" | "link(" number ")" | "by(" text ")" | "machines()"
//!           | "where(" test ")" | "within(" span ")" | "since(" moment ")" | "before(" moment ")"
//!           | "between(" moment "," moment ")" | "after(" event "," span ")" ) }
//! literal   = text | number | "true" | "false" | moment
//! moment    = "date(" text ")" | "timestamp(" text ")" | "now" [ ( "-" | "+" ) span ]
//! span      = "days(" number ")" | "hours(" number ")"
//! ```

use super::{
    About, After, CountTest, Counted, DEPTH_MAX, Field, FieldRule, Happening, Measure, Moment, NumberTest, Order, Rule,
    Span, TEXT_BYTES_MAX, Test, TextOp, TextTest, TimeTest, VALUES_MAX, What, Window, moment,
};
use crate::SkipReason;
use crate::reaction::Doer;
use std::str::FromStr;

/// Where a text is no rule, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {column}: {why}")]
pub struct SegmentError {
    /// The character it was found at, from 1.
    pub column: usize,
    /// What was expected or what is wrong.
    pub why: String,
}

/// What may narrow an event.
const NARROWINGS: &str = "campaign, cause, put_off, reason, variant, link, by, machines, where, within, since, before, \
    between, after or sum";

/// How deep brackets may nest while reading: more than any tree that is accepted needs.
const NESTING_MAX: usize = 4 * DEPTH_MAX;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Sign(&'static str),
    End,
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Token::Word(word) => format!("{word:?}"),
            Token::Text(_) => "a text".to_owned(),
            Token::Number(_) => "a number".to_owned(),
            Token::Sign(sign) => format!("{sign:?}"),
            Token::End => "the end".to_owned(),
        }
    }
}

/// Longer signs first.
const SIGNS: &[&str] = &["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ",", ".", "-", "+"];

/// Reads a rule. Refused: what is no rule, and what is too long, too deep or too much.
pub fn parse(text: &str) -> Result<Rule, SegmentError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SegmentError { column: 1, why: format!("a rule has at most {TEXT_BYTES_MAX} octets") });
    }
    let mut reader = Reader { tokens: split(text)?, at: 0, nesting: 0 };
    let rule = reader.rule()?;
    if reader.peek() != &Token::End {
        return reader.expected("\"&&\", \"||\" or the end");
    }
    rule.check().map_err(|why| SegmentError { column: 1, why: why.to_string() })?;
    Ok(rule)
}

/// The tokens with the character each begins at.
fn split(text: &str) -> Result<Vec<(usize, Token)>, SegmentError> {
    let mut tokens = Vec::new();
    let (mut rest, mut at) = (text, 1);
    loop {
        let trimmed = rest.trim_start();
        at += rest.get(..rest.len() - trimmed.len()).unwrap_or_default().chars().count();
        rest = trimmed;
        let Some(first) = rest.chars().next() else {
            tokens.push((at, Token::End));
            return Ok(tokens);
        };
        let (token, left) = if first == '"' || first == '\'' {
            quoted(rest, first).ok_or_else(|| SegmentError { column: at, why: "this text does not end".to_owned() })?
        } else if first.is_ascii_digit() {
            number(rest).ok_or_else(|| SegmentError { column: at, why: "this is no number".to_owned() })?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (word, left) = rest.split_at(end);
            (Token::Word(word.to_owned()), left)
        } else {
            let sign = SIGNS.iter().find_map(|sign| Some((*sign, rest.strip_prefix(sign)?)));
            let Some((sign, left)) = sign else {
                return Err(SegmentError { column: at, why: format!("{first:?} has no meaning here") });
            };
            (Token::Sign(sign), left)
        };
        tokens.push((at, token));
        at += rest.get(..rest.len() - left.len()).unwrap_or_default().chars().count();
        rest = left;
    }
}

/// A text in quotes; `\` takes the next character as it is.
fn quoted(text: &str, quote: char) -> Option<(Token, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            _ if c == quote => return Some((Token::Text(value), text.get(at + c.len_utf8()..)?)),
            '\\' => value.push(chars.next()?.1),
            _ => value.push(c),
        }
    }
    None
}

fn number(text: &str) -> Option<(Token, &str)> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let mut end = digits(text);
    if let Some(fraction) = text.get(end..).and_then(|rest| rest.strip_prefix('.'))
        && fraction.starts_with(|c: char| c.is_ascii_digit())
    {
        end += 1 + digits(fraction);
    }
    let (number, rest) = text.split_at_checked(end)?;
    Some((Token::Number(number.parse().ok()?), rest))
}

struct Reader {
    tokens: Vec<(usize, Token)>,
    at: usize,
    nesting: usize,
}

type Read<T> = Result<T, SegmentError>;

impl Reader {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(_, token)| token)
    }

    fn refuse<T>(&self, why: impl Into<String>) -> Read<T> {
        let last = self.tokens.last().map_or(1, |(column, _)| *column);
        let column = self.tokens.get(self.at).map_or(last, |(column, _)| *column);
        Err(SegmentError { column, why: why.into() })
    }

    fn expected<T>(&self, what: &str) -> Read<T> {
        self.refuse(format!("expected {what}, found {}", self.peek().shown()))
    }

    /// Takes a sign if it is the next.
    fn has(&mut self, sign: &'static str) -> bool {
        let found = self.peek() == &Token::Sign(sign);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, sign: &'static str) -> Read<()> {
        if self.has(sign) { Ok(()) } else { self.expected(&format!("{sign:?}")) }
    }

    fn word(&mut self, what: &str) -> Read<String> {
        let Token::Word(word) = self.peek().clone() else { return self.expected(what) };
        self.at += 1;
        Ok(word)
    }

    fn text(&mut self) -> Read<String> {
        let Token::Text(text) = self.peek().clone() else { return self.expected("a text in quotes") };
        self.at += 1;
        Ok(text)
    }

    /// A text in parentheses.
    fn text_argument(&mut self) -> Read<String> {
        self.need("(")?;
        let text = self.text()?;
        self.need(")")?;
        Ok(text)
    }

    fn number(&mut self) -> Read<f64> {
        let sign = if self.has("-") { -1.0 } else { 1.0 };
        let Token::Number(number) = *self.peek() else { return self.expected("a number") };
        self.at += 1;
        Ok(sign * number)
    }

    /// A whole number.
    fn count(&mut self) -> Read<u32> {
        let Token::Number(number) = *self.peek() else { return self.expected("a whole number") };
        if number.fract() != 0.0 || number > f64::from(u32::MAX) {
            return self.refuse("this has to be a whole number below 2^32");
        }
        self.at += 1;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole, not negative, and it fits
        Ok(number as u32)
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Reader) -> Read<T>) -> Read<T> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return self.refuse(format!("a rule has at most {DEPTH_MAX} levels"));
        }
        let read = read(self);
        self.nesting -= 1;
        read
    }

    fn rule(&mut self) -> Read<Rule> {
        let mut parts = vec![self.all()?];
        while self.has("||") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Rule::Any))
    }

    fn all(&mut self) -> Read<Rule> {
        let mut parts = vec![self.unit()?];
        while self.has("&&") {
            parts.push(self.unit()?);
        }
        Ok(one_or(parts, Rule::All))
    }

    fn unit(&mut self) -> Read<Rule> {
        if self.has("!") {
            return Ok(Rule::Not(Box::new(self.nested(Reader::unit)?)));
        }
        if self.has("(") {
            let rule = self.nested(Reader::rule)?;
            self.need(")")?;
            return Ok(rule);
        }
        self.condition()
    }

    fn condition(&mut self) -> Read<Rule> {
        let word = self.word("a condition")?;
        match word.as_str() {
            "attr" => {
                let name = self.name()?;
                self.tested(|is| Rule::Attribute(About { name: name.clone(), is }))
            }
            "has" => {
                self.need("(")?;
                let rule = match self.word("attr or a field")?.as_str() {
                    "attr" => Rule::Attribute(About { name: self.name()?, is: Test::Exists }),
                    field => Rule::Field(FieldRule { name: self.field(field)?, is: Test::Exists }),
                };
                self.need(")")?;
                Ok(rule)
            }
            "in_list" => Ok(Rule::List(self.id()?)),
            "in_import" => Ok(Rule::Import(self.id()?)),
            _ => match (What::from_word(&word), Field::from_word(&word)) {
                (Some(what), _) => self.counted(what),
                (None, Some(name)) => self.tested(|is| Rule::Field(FieldRule { name, is })),
                (None, None) => {
                    self.at -= 1;
                    self.refuse(unknown(&word))
                }
            },
        }
    }

    fn field(&mut self, word: &str) -> Read<Field> {
        if let Some(field) = Field::from_word(word) {
            return Ok(field);
        }
        self.at -= 1;
        self.refuse(unknown(word))
    }

    /// The name after `attr` or `property`.
    fn name(&mut self) -> Read<String> {
        if self.has(".") {
            return self.word("a name");
        }
        self.need("[")?;
        let name = self.text()?;
        self.need("]")?;
        Ok(name)
    }

    /// An id in parentheses and quotes.
    fn id<T: FromStr<Err: ToString>>(&mut self) -> Read<T> {
        self.need("(")?;
        let text = self.text()?;
        let id = text.parse().or_else(|why: T::Err| {
            self.at -= 1;
            self.refuse(why.to_string())
        })?;
        self.need(")")?;
        Ok(id)
    }

    fn tested(&mut self, rule: impl Fn(Test) -> Rule) -> Read<Rule> {
        // `!= true` is the one comparison that is written with a negation around it.
        match self.test()? {
            (is, false) => Ok(rule(is)),
            (is, true) => Ok(Rule::Not(Box::new(rule(is)))),
        }
    }

    /// What holds for a value, and whether it is meant the other way round.
    fn test(&mut self) -> Read<(Test, bool)> {
        if self.has(".") {
            let op = match self.word("contains, startsWith or endsWith")?.as_str() {
                "contains" => TextOp::Contains,
                "startsWith" => TextOp::StartsWith,
                "endsWith" => TextOp::EndsWith,
                _ => {
                    self.at -= 1;
                    return self.expected("contains, startsWith or endsWith");
                }
            };
            return Ok((Test::Text(TextTest { op, value: self.text_argument()? }), false));
        }
        if self.peek() == &Token::Word("in".to_owned()) {
            self.at += 1;
            return Ok((Test::OneOf(self.texts()?), false));
        }
        let op = self.order()?;
        match self.peek().clone() {
            Token::Text(value) => {
                let op = match op {
                    Order::Is => TextOp::Is,
                    Order::IsNot => TextOp::IsNot,
                    _ => return self.refuse("a text is compared with ==, !=, in, contains, startsWith or endsWith"),
                };
                self.at += 1;
                Ok((Test::Text(TextTest { op, value }), false))
            }
            Token::Word(word) if word == "true" || word == "false" => {
                if !matches!(op, Order::Is | Order::IsNot) {
                    return self.refuse("true and false are compared with == or !=");
                }
                self.at += 1;
                Ok((Test::Bool(word == "true"), op == Order::IsNot))
            }
            Token::Word(_) => Ok((Test::Time(TimeTest { op, value: self.moment()? }), false)),
            _ => Ok((Test::Number(NumberTest { op, value: self.number()? }), false)),
        }
    }

    fn texts(&mut self) -> Read<Vec<String>> {
        self.need("[")?;
        let mut texts = vec![self.text()?];
        while self.has(",") {
            if texts.len() == VALUES_MAX {
                return self.refuse(format!("in [...] has at most {VALUES_MAX} values"));
            }
            texts.push(self.text()?);
        }
        self.need("]")?;
        Ok(texts)
    }

    fn order(&mut self) -> Read<Order> {
        let Some(order) = self.order_here() else { return self.expected("a comparison: == != < <= > >= or in") };
        self.at += 1;
        Ok(order)
    }

    fn order_here(&self) -> Option<Order> {
        match self.peek() {
            Token::Sign(sign) => Order::from_word(sign),
            _ => None,
        }
    }

    fn moment(&mut self) -> Read<Moment> {
        let word = self.word("a time")?;
        match word.as_str() {
            "now" => Ok(if self.has("-") {
                Moment::Ago(self.span()?)
            } else if self.has("+") {
                Moment::Ahead(self.span()?)
            } else {
                Moment::Ago(Span::Days(0))
            }),
            "date" | "timestamp" => {
                let at = self.at;
                let text = self.text_argument()?;
                let read = moment::read(&text).filter(|_| (word == "date") == (text.len() == 10));
                read.map(Moment::At).map_or_else(
                    || {
                        self.at = at + 1;
                        self.refuse("write date(\"2026-05-01\") or timestamp(\"2026-05-01T10:00:00Z\")")
                    },
                    Ok,
                )
            }
            _ => {
                self.at -= 1;
                self.expected("a value: a text, a number, true, false, date(…), timestamp(…) or now")
            }
        }
    }

    fn span(&mut self) -> Read<Span> {
        let word = self.word("days(…) or hours(…)")?;
        let span = match word.as_str() {
            "days" => Span::Days,
            "hours" => Span::Hours,
            _ => {
                self.at -= 1;
                return self.expected("days(…) or hours(…)");
            }
        };
        self.need("(")?;
        let count = self.count()?;
        self.need(")")?;
        Ok(span(count))
    }

    fn counted(&mut self, what: What) -> Read<Rule> {
        let (of, is_sum) = self.happening(what, true)?;
        let measure = if is_sum {
            Measure::Sum(NumberTest { op: self.order()?, value: self.number()? })
        } else if let Some(op) = self.order_here() {
            self.at += 1;
            Measure::Count(CountTest { op, value: self.count()? })
        } else {
            Measure::ONCE
        };
        Ok(Rule::Event(Counted { of, measure }))
    }

    /// An event after its first word; with `may_sum`, whether it ends in `.sum()`.
    fn happening(&mut self, what: What, may_sum: bool) -> Read<(Happening, bool)> {
        let mut of = Happening::any(what);
        if what == What::Did {
            self.need("(")?;
            if self.peek() != &Token::Sign(")") {
                of.name = Some(self.text()?);
            }
            self.need(")")?;
        }
        while self.has(".") {
            let word = self.word(NARROWINGS)?;
            if word == "sum" && may_sum {
                self.need("(")?;
                self.need(")")?;
                return Ok((of, true));
            }
            self.narrow(&mut of, &word)?;
        }
        Ok((of, false))
    }

    /// One `.word(…)` of an event.
    fn narrow(&mut self, of: &mut Happening, word: &str) -> Read<()> {
        let is_twice = match word {
            "campaign" => of.campaign.is_some(),
            "cause" => of.cause.is_some(),
            "put_off" => of.put_off,
            "reason" => of.reason.is_some(),
            "variant" => of.variant.is_some(),
            "link" => of.link.is_some(),
            "by" => of.by.is_some(),
            "machines" => of.machines,
            "within" | "since" | "before" | "between" => of.window.is_some(),
            "after" => of.after.is_some(),
            "where" => false,
            _ => {
                self.at -= 1;
                return self.expected(NARROWINGS);
            }
        };
        if is_twice {
            self.at -= 1;
            return self.refuse(format!("{word} stands here for the second time"));
        }
        match word {
            "campaign" => {
                of.campaign = Some(self.id()?);
                return Ok(());
            }
            "cause" => {
                of.cause = Some(self.id()?);
                return Ok(());
            }
            _ => {}
        }
        self.need("(")?;
        match word {
            "link" => of.link = Some(self.count()?),
            "machines" => of.machines = true,
            "put_off" => of.put_off = true,
            "reason" => of.reason = Some(self.reason()?),
            "variant" => of.variant = Some(self.letter()?),
            "by" => of.by = Some(self.doer()?),
            "within" => of.window = Some(Window::Within(self.span()?)),
            "since" => of.window = Some(Window::Since(self.moment()?)),
            "before" => of.window = Some(Window::Before(self.moment()?)),
            "between" => {
                let from = self.moment()?;
                self.need(",")?;
                of.window = Some(Window::Between(from, self.moment()?));
            }
            "after" => {
                let event = self.nested(Reader::other_event)?;
                self.need(",")?;
                of.after = Some(Box::new(After { event, within: self.span()? }));
            }
            _ => of.properties.push(self.property()?),
        }
        self.need(")")
    }

    /// Why somebody was left out, in quotes.
    fn reason(&mut self) -> Read<SkipReason> {
        let text = self.text()?;
        SkipReason::from_word(&text).map_or_else(
            || {
                self.at -= 1;
                let known: Vec<&str> = SkipReason::ALL.iter().map(|reason| reason.word()).collect();
                self.refuse(format!("{text:?} is none of {}", known.join(", ")))
            },
            Ok,
        )
    }

    /// A variant's letter, in quotes.
    fn letter(&mut self) -> Read<char> {
        let text = self.text()?;
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) if letter.is_ascii_uppercase() => Ok(letter),
            _ => {
                self.at -= 1;
                self.refuse(format!("{text:?} is no variant: \"A\", \"B\", …"))
            }
        }
    }

    /// By whom something was done, in quotes.
    fn doer(&mut self) -> Read<Doer> {
        let text = self.text()?;
        Doer::from_word(&text).map_or_else(
            || {
                self.at -= 1;
                self.refuse(format!("{text:?} is none of {}", Doer::ALL.map(Doer::word).join(", ")))
            },
            Ok,
        )
    }

    fn other_event(&mut self) -> Read<Happening> {
        let word = self.word("an event")?;
        let Some(what) = What::from_word(&word) else {
            self.at -= 1;
            return self.expected("an event");
        };
        Ok(self.happening(what, false)?.0)
    }

    fn property(&mut self) -> Read<About> {
        let exists = self.peek() == &Token::Word("has".to_owned());
        if exists {
            self.at += 1;
            self.need("(")?;
        }
        if self.peek() != &Token::Word("property".to_owned()) {
            return self.expected("property");
        }
        self.at += 1;
        let name = self.name()?;
        if exists {
            self.need(")")?;
            return Ok(About { name, is: Test::Exists });
        }
        match self.test()? {
            (is, false) => Ok(About { name, is }),
            (_, true) => self.refuse("here true and false are compared with =="),
        }
    }
}

fn one_or(mut parts: Vec<Rule>, many: impl FnOnce(Vec<Rule>) -> Rule) -> Rule {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            many(parts)
        }
    }
}

fn unknown(word: &str) -> String {
    let words = What::ALL.iter().map(|what| what.word()).chain(Field::ALL.iter().map(|field| field.word()));
    let near = crate::nearest(word, words.chain(["attr", "has", "in_list", "in_import"]));
    match near.first() {
        Some(near) => format!("{word:?} is no condition; {near:?} is one"),
        None => format!("{word:?} is no condition"),
    }
}
