//! The violations that this destination commits on request, one row each.
//!
//! Every fault is one small, honest mistake of the kind that real connectors ship with. The table
//! below names and explains it; the mistake itself stands where a real author would have made it,
//! behind `faults.has(Fault::…)`. Without a fault none of that code runs.

use std::fmt::Write as _;

/// Builds [`Fault`], its names and its explanations from one table.
macro_rules! faults {
    ($($variant:ident $name:literal $about:literal)*) => {
        /// One violation of the protocol, committed on request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault {
            $(#[doc = $about] $variant,)*
        }

        impl Fault {
            /// Every fault, in the order of the table.
            pub const ALL: &[Fault] = &[$(Fault::$variant,)*];

            /// The name by which the fault is asked for, in kebab-case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Fault::$variant => $name,)* }
            }

            /// The mistake, in one line, as its author would tell it.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Fault::$variant => $about,)* }
            }
        }
    };
}

faults! {
    // Every operation
    PrintTimings "print-timings" "a timing was printed with a plain print, straight to stdout"
    JoinMessages "join-messages" "two log messages were printed without a newline between them"
    UnknownMessageType "unknown-message-type" "metrics are sent as a message type of our own"
    LowerCaseType "lower-case-type" "the message type was taken from an enum that serialises in lower case"
    MisnamedPayload "misnamed-payload" "the payload was filed under the message type's own spelling"
    TextEmittedAt "text-emitted-at" "a trace's time is a string, since the JSON library made it one"
    Latin1Log "latin1-log" "a log line is written in the locale's encoding, which is Latin-1"
    NanInLog "nan-in-log" "a rate in a log line is 0/0, and the JSON library prints NaN"
    CarriageReturn "carriage-return" "a template with Windows line ends leaves a CR inside a message"
    LogRecords "log-records" "a debugging log of each hundredth record was left in"
    StatesOnStderr "states-on-stderr" "states are also printed to stderr, to see them while developing"
    SpecInWrite "spec-in-write" "write announces itself with the spec"
    LogConfig "log-config" "the whole config is logged at the start, secrets included"
    LogWithoutLevel "log-without-level" "a log message was built by hand and its level forgotten"
    ErrorWithoutMessage "error-without-message" "only internal_message of an error is filled"
    DieSilently "die-silently" "an error goes to stderr and the exit code, and not into a TRACE"
    FailWithZero "fail-with-zero" "the error is reported, and then main returns normally"
    ExitOne "exit-one" "main returns the number of syncs done as its exit code"
    ControlDropsRequired "control-drops-required" "an updated config is sent back without its required path"
    NeverExits "never-exits" "a background thread that never ends is joined at the end of write"

    // spec
    SpecAbsent "spec-absent" "spec loads its file, logs that it did, and prints nothing"
    SpecTwice "spec-twice" "the base class prints the spec, and so does the connector"
    SpecReadsStdin "spec-reads-stdin" "the input is opened and read before the command is looked at"
    SpecWithClock "spec-with-clock" "the spec carries the time at which it was made"
    SpecMisspeltType "spec-misspelt-type" "a property's type is misspelt"
    SpecRootUntyped "spec-root-untyped" "the root of the schema has no type"
    SpecWithRef "spec-with-ref" "the schema generator left a $ref into its definitions"
    SpecAnyOf "spec-any-of" "an optional type became an anyOf in the schema generator"
    SpecOneOfWithoutConst "spec-one-of-without-const" "the variants of a oneOf have no const to tell them apart"
    SpecTwoTypes "spec-two-types" "a property takes a string or an integer"
    SpecBareObject "spec-bare-object" "an object property says nothing of its properties"
    SpecUntypedItems "spec-untyped-items" "an array property does not say what its items are"
    SpecRepeatedEnum "spec-repeated-enum" "an enum lists a value twice"
    SpecClosedProperties "spec-closed-properties" "the schema generator forbids additional properties"
    SpecUnmarkedSecret "spec-unmarked-secret" "an API key is not marked as secret"
    SpecDateUnpatterned "spec-date-unpatterned" "a date has a format and no pattern"
    SpecUndocumented "spec-undocumented" "the documentation URL was forgotten"
    SpecModesMissing "spec-modes-missing" "the supported sync modes were forgotten"
    SpecIncrementalUnsaid "spec-incremental-unsaid" "append is offered, and incremental syncs are not"
    SpecNormalizationAlone "spec-normalization-alone" "normalization is claimed without dbt, on which it rests"
    SpecFutureProtocol "spec-future-protocol" "the connector's own version was given as the protocol's"
    SpecUntitledProperty "spec-untitled-property" "a property came without a title and a description"
    SpecBadExample "spec-bad-example" "an example is a string where the property is a number"
    SpecOauthAstray "spec-oauth-astray" "advanced_auth points at a property that has been renamed since"

    // check
    StatusAbsent "status-absent" "a check that succeeds logs it, and sends no status"
    StatusTwice "status-twice" "both the connection test and its caller send the status"
    CheckAlwaysFails "check-always-fails" "the result of the connection test is negated"
    CheckSkipsValidation "check-skips-validation" "a config that cannot be parsed counts as nothing to complain of"
    CheckSkipsConnection "check-skips-connection" "check looks at the config's shape and never connects"
    CheckFailsWordless "check-fails-wordless" "a failed status comes without a message"
    CheckCrashes "check-crashes" "a failing connection's exception is not caught"
    CheckDawdles "check-dawdles" "check waits for a server that is no longer there (DAWDLE_MS sets how long)"
    WriteForbidden "write-forbidden" "the connection is opened for reading only, which suffices for check"

    // write: input
    NeedsAMessage "needs-a-message" "the first message is taken without asking whether there is one"
    NeedsARecord "needs-a-record" "an average over the records is made even when there were none"

    // write: what lands
    ForgetLastFlush "forget-last-flush" "only states flush the buffer, and the end of the input does not"
    FlushTwice "flush-twice" "the buffer's last record stays in it after the flush, and is flushed again"
    TrimStrings "trim-strings" "strings are trimmed before they are stored"
    HeaderRow "header-row" "the column names are written as the first row of a new table"
    AppendTruncates "append-truncates" "the table is emptied at the start of an append"
    OverwriteAppends "overwrite-appends" "overwrite leaves what was there"
    OverwriteDropsStrangers "overwrite-drops-strangers" "overwrite clears the whole namespace, other streams too"
    DedupWithinBatch "dedup-within-batch" "a sync's records are deduplicated among themselves, and not against the table"
    LastArrivalWins "last-arrival-wins" "the last record to arrive wins, whatever its cursor says"
    IgnoreDeletes "ignore-deletes" "a delete comes without its other columns, and is skipped as incomplete"
    InsertOnTie "insert-on-tie" "a row is updated where the cursor is greater, and inserted otherwise"

    // write: states
    InventFinalState "invent-final-state" "a state of our own tells that the sync has finished"
    SwallowLastState "swallow-last-state" "a state is sent when the next one comes, which the last never sees"
    RepeatLastStates "repeat-last-states" "the last states are sent once more at the end, to be sure"
    ReorderStates "reorder-states" "states are taken from a stack, two at a time"
    DropUnknownProperties "drop-unknown-properties" "states go through a class that knows the properties of last year"
    FloatStateId "float-state-id" "the state's id went through a float"
    FloatStateNumbers "float-state-numbers" "the numbers in a state's blob went through a float"
    PredictNextState "predict-next-state" "the next state is foreseen and sent before it came"
    PruneForeignDescriptors "prune-foreign-descriptors" "a global state is stripped of the streams that the catalog lacks"
    SkipNullStates "skip-null-states" "a state without content is taken for no state"
    SkipFirstState "skip-first-state" "a state is dropped when no record came before it"
    SwallowLegacyStates "swallow-legacy-states" "states of the old form are ignored"
    NoStats "no-stats" "destinationStats are not filled"
    CumulativeStats "cumulative-stats" "the record counter is not reset after a state"
    IntegerStats "integer-stats" "counts are integers, and so are written as integers"
    HoldStatesToEnd "hold-states-to-end" "states are collected and sent when the sync is over"
    BufferStdout "buffer-stdout" "stdout is a pipe, and the language's default buffers it by blocks"
    EmitStreamStatus "emit-stream-status" "the destination reports its streams as complete, as sources do"
}

/// The faults of one run: none, or one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults(Option<Fault>);

impl Faults {
    /// A run that commits this one fault.
    #[must_use]
    pub const fn one(fault: Fault) -> Self {
        Self(Some(fault))
    }

    /// Reads a fault's name; the empty name asks for none.
    ///
    /// The error says which names there are, likely ones first.
    pub fn parse(name: &str) -> Result<Self, String> {
        if name.is_empty() {
            return Ok(Self::default());
        }
        let found = Fault::ALL.iter().find(|fault| fault.name() == name);
        found.map_or_else(|| Err(unknown(name)), |fault| Ok(Self(Some(*fault))))
    }

    /// Whether this run is to commit the fault.
    #[must_use]
    pub fn has(self, fault: Fault) -> bool {
        self.0 == Some(fault)
    }
}

/// What to say about a name that is in no row: names that share a word with it, then all of them.
fn unknown(name: &str) -> String {
    let shares_a_word = |fault: &&Fault| {
        fault.name().split('-').any(|word| word.len() > 2 && name.split('-').any(|w| w == word))
    };
    let alike: Vec<_> = Fault::ALL.iter().filter(shares_a_word).map(|f| f.name()).collect();
    let mut text = format!("there is no fault named {name:?}");
    if !alike.is_empty() {
        let _ = write!(text, "; did you mean {}?", alike.join(", "));
    }
    let all: Vec<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    let _ = write!(text, "\nfaults: {}", all.join(", "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_kebab_case() {
        for (index, fault) in Fault::ALL.iter().enumerate() {
            let name = fault.name();
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            assert!(!Fault::ALL[..index].iter().any(|other| other.name() == name), "{name} twice");
            assert!(Faults::parse(name).is_ok_and(|faults| faults.has(*fault)));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_likely_ones() {
        let message = Faults::parse("skip-first").unwrap_err();
        assert!(message.contains("did you mean skip-null-states, skip-first-state"), "{message}");
        assert!(message.contains("never-exits"), "{message}");
    }
}
