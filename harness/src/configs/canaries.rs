//! Values that stand in for secrets.
//!
//! What a spec accepts as a secret is found by trial: a value that tells what it is, then others
//! of the usual alphabets and lengths, then one with the shape of the secret itself.

use serde_json::{Number, Value};

use super::{NOWHERE, fitting, with};
use crate::redact;

/// What stands in for one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Where in the config.
    pub pointer: String,
    /// The value, as it would be printed.
    pub value: String,
}

/// A config with canaries in place of its secrets.
///
/// They are the same for the same config and spec each time, no two of them are alike, and none
/// could be met by chance.
#[derive(Debug, Clone, PartialEq)]
pub struct Canaries {
    /// The config, with a secret left as it is where the spec accepts no canary.
    pub config: Value,
    /// The canaries in it.
    pub planted: Vec<Canary>,
}

/// What a person should see who meets one.
const NAME: &str = "touchdownCanary";

/// Shorter ones could be met by chance.
const SHORTEST: usize = 16;

/// Lengths of keys and tokens that specs ask for.
const LENGTHS: [usize; 9] = [SHORTEST, 20, 24, 32, 40, 64, 88, 128, 256];

const DIGITS: &str = "0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Alphabets of keys and tokens: hexadecimal ones come before those that hold them.
const ALPHABETS: [&[&str]; 7] = [
    &[DIGITS, LOWER, UPPER],
    &[DIGITS, "abcdef"],
    &[DIGITS, "ABCDEF"],
    &[DIGITS, LOWER],
    &[DIGITS, UPPER],
    &[DIGITS],
    &[LOWER],
];

impl Canaries {
    /// Puts canaries in the place of all secrets that the spec marks.
    #[must_use]
    pub fn plant(config: &Value, connection_specification: &Value) -> Self {
        let mut all = Self { config: config.clone(), planted: Vec::new() };
        let Some(validator) = fitting(config, connection_specification) else {
            return all;
        };
        for (dice, (pointer, _)) in (0..).zip(redact::marked(config, connection_specification)) {
            let Some(secret) = config.pointer(&pointer) else {
                continue;
            };
            let fits = canaries(secret, Dice(dice)).into_iter().find_map(|canary| {
                let value = canary.as_str().map_or_else(|| canary.to_string(), str::to_owned);
                let is_new = canary != *secret && all.planted.iter().all(|it| it.value != value);
                let config = with(&all.config, &pointer, canary)?;
                (is_new && validator.is_valid(&config)).then_some((config, value))
            });
            if let Some((config, value)) = fits {
                all.config = config;
                all.planted.push(Canary { pointer, value });
            }
        }
        all
    }
}

/// What might stand in for a secret, the best first.
fn canaries(secret: &Value, mut dice: Dice) -> Vec<Value> {
    let Value::String(secret) = secret else {
        // The longest that all languages can hold as a number.
        let digits = format!("8{}", dice.text(&[DIGITS], SHORTEST - 1));
        return digits.parse::<Number>().map(Value::Number).into_iter().collect();
    };
    let named = format!("{NAME}{}", dice.text(&[DIGITS, LOWER, UPPER], SHORTEST));
    let mut texts = Vec::new();
    if let Some((scheme, _)) = secret.split_once("://") {
        texts.push(format!("{scheme}://{NOWHERE}/{named}"));
    }
    texts.push(named);
    let own = secret.chars().count();
    let lengths = LENGTHS.into_iter().chain((own > SHORTEST).then_some(own));
    for alphabet in ALPHABETS {
        texts.extend(lengths.clone().map(|length| dice.text(alphabet, length)));
    }
    // Some begin with what tells whose they are.
    let prefix = secret.find(['-', '_', '.', ':']).map(|at| at + 1).filter(|end| *end <= 8);
    let four = (own > SHORTEST).then_some(4);
    for kept in [Some(0), prefix, four].into_iter().flatten() {
        texts.extend(dice.shaped(secret, kept));
    }
    texts.into_iter().map(Value::String).collect()
}

/// Chance that falls the same way each time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from(mixed >> 33).unwrap_or_default()
    }

    fn one(&mut self, alphabet: &str) -> char {
        let nth = self.throw() % alphabet.len();
        alphabet.chars().nth(nth).unwrap_or_default()
    }

    fn text(&mut self, alphabet: &[&str], length: usize) -> String {
        let alphabet = alphabet.concat();
        (0..length).map(|_| self.one(&alphabet)).collect()
    }

    /// The secret with other letters and digits in place of its own, but for the first few. More
    /// are added to the end of one that is too short.
    fn shaped(&mut self, secret: &str, kept: usize) -> Option<String> {
        let (prefix, rest) = secret.split_at_checked(kept)?;
        let is_hex = rest.chars().all(|c| !c.is_alphabetic() || c.is_ascii_hexdigit());
        let class = |c: char| match c {
            '0'..='9' => Some(DIGITS),
            _ if !c.is_alphanumeric() => None,
            _ if c.is_uppercase() => Some(if is_hex { "ABCDEF" } else { UPPER }),
            _ => Some(if is_hex { "abcdef" } else { LOWER }),
        };
        let last = rest.chars().filter_map(class).next_back()?;
        let mut shaped = prefix.to_owned();
        let mut thrown = 0;
        for c in rest.chars() {
            let class = class(c);
            thrown += usize::from(class.is_some());
            shaped.push(class.map_or(c, |alphabet| self.one(alphabet)));
        }
        shaped.extend((thrown..SHORTEST).map(|_| self.one(last)));
        Some(shaped)
    }
}
