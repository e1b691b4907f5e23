//! The violations that this destination commits on request, one row each.
//!
//! There are two kinds: those that prove that a check works, each visible in a small sync, and
//! those that are hard to see, for finding out how far the checks reach.
//!
//! Every fault is one small, honest mistake of the kind that real connectors ship with. The table
//! below names and explains it; the mistake itself stands where a real author would have made it,
//! behind `faults.has(Fault::…)`. Without a fault none of that code runs.

use std::fmt::Write as _;

/// What a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It proves one check.
    Proof,
    /// It shows at scale or in a combination only, and proves none.
    Subtle,
}

/// Builds [`Fault`], its names and its explanations from one table: proofs, a semicolon, and the
/// subtle ones.
macro_rules! faults {
    (
        $($proof:ident $proof_name:literal $proof_about:literal)*;
        $($subtle:ident $subtle_name:literal $subtle_about:literal)*
    ) => {
        faults! {
            @ $($proof Proof $proof_name $proof_about)*
            $($subtle Subtle $subtle_name $subtle_about)*
        }
    };
    (@ $($variant:ident $kind:ident $name:literal $about:literal)*) => {
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

            /// What the fault is for.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Fault::$variant => Kind::$kind,)* }
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
    SpecReworded "spec-reworded" "a description was reworded, and nobody has reviewed it"
    SpecRenamedProperty "spec-renamed-property" "a property got a better name, and stored configs kept the old one"
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
    CheckOwnDefault "check-own-default" "check has a default of its own for a property that is left out"
    CheckLeavesTable "check-leaves-table" "the table of the connection test stays"

    // write: input
    NeedsAMessage "needs-a-message" "the first message is taken without asking whether there is one"
    NeedsARecord "needs-a-record" "an average over the records is made even when there were none"
    NeedsAStream "needs-a-stream" "the first stream of the catalog is taken without asking whether there is one"
    DropUnknownStreams "drop-unknown-streams" "a record of a stream outside the catalog is skipped without a word"
    RefuseExtraFields "refuse-extra-fields" "a field that the schema does not declare is an error"
    RefuseMissingFields "refuse-missing-fields" "a declared type without null became a NOT NULL column"
    WrongTypeCrashes "wrong-type-crashes" "a value that cannot be converted to its declared type is an uncaught exception"
    GarbageEndsInput "garbage-ends-input" "the loop over the input ends at the first line that cannot be parsed"
    RefuseUnknownTypes "refuse-unknown-types" "a message type that is not in the enum is an error"
    StrictIntegers "strict-integers" "integers are read by a parser that knows no exponent"
    LocaleEncoding "locale-encoding" "stdin is decoded in the locale's encoding"
    LineLimit "line-limit" "a line longer than 10 MB ends the scanner, whose error nobody asks for"
    HalfLineIsALine "half-line-is-a-line" "what has come when the input pauses is taken for a line"
    BoundedStateQueue "bounded-state-queue" "states wait in a queue of 1000 that only records empty; the reader waits for room in it"
    DropWhenBlocked "drop-when-blocked" "stdout is not blocking, and what does not fit is dropped"
    DropLoneSurrogates "drop-lone-surrogates" "a record with an escape that is no character is skipped with a warning, and its state goes out"
    UnknownModeAppends "unknown-mode-appends" "a sync mode that is not known is done as append"
    DenyUnknownProperties "deny-unknown-properties" "the classes of the catalog and the messages forbid unknown properties"
    KeepAllRecords "keep-all-records" "every record is also kept in a list, for a summary that nobody prints"

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
    FindByName "find-by-name" "tables are found by the stream's name alone"
    SanitiseNames "sanitise-names" "stream names are sanitised before they name a table"
    PlainNamesOnly "plain-names-only" "a stream's name has to be one of letters, digits, _ - . and spaces, of at most 255 bytes"
    FreezeColumns "freeze-columns" "columns are made with the table, and never added"
    ExtractedAtNow "extracted-at-now" "_airbyte_extracted_at is the time of loading"
    DropRecordMeta "drop-record-meta" "the changes that a record brings are not looked at"
    NanosecondTimestamps "nanosecond-timestamps" "timestamps are nanoseconds since 1970 in 64 bits"
    KeepGenerations "keep-generations" "generations are noted, and old ones never removed"
    ZeroMeansAll "zero-means-all" "a minimum generation of 0 is taken for the current one"
    TruncateAtStart "truncate-at-start" "a truncate refresh clears the old generations first"
    TruncateBySync "truncate-by-sync" "a truncate refresh keeps the rows of this sync alone"

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
    AcknowledgeOnReceipt "acknowledge-on-receipt" "a state is answered when it comes, and its records are still in the transaction"
    FlushOneAcknowledgeAll "flush-one-acknowledge-all" "each stream has a buffer of its own; when one is full it is stored, and then every waiting state is sent"
    GlobalFlushesLatest "global-flushes-latest" "a GLOBAL state stores the buffer of the stream that came last, and is sent"
    FinallyAcknowledge "finally-acknowledge" "states are sent in a finally block, whether the commit went well or not"

    // write: endings
    IgnoreComplete "ignore-complete" "COMPLETE is expected on a message type that does not exist any more"
    EofIsComplete "eof-is-complete" "the end of the input is taken for the end of every stream"
    IncompleteIsComplete "incomplete-is-complete" "any status ends a stream"
    IgnoreSigterm "ignore-sigterm" "a handler for SIGTERM logs nothing and lets things go on"
    MarkerOfRunning "marker-of-running" "a marker says that a sync is running, and the next one refuses while it is there"
    IgnoreBrokenPipe "ignore-broken-pipe" "errors of writing to stdout are caught, and nothing is done about them"
    LingerAfterClose "linger-after-close" "stdout is closed, and then threads are joined that take their time (LINGER_MS sets how long)"
    LockForWholeSync "lock-for-whole-sync" "a sync takes a lock on the whole database, and another one gives up"
    IgnoreCommitErrors "ignore-commit-errors" "an error of the database is logged as a warning, and the sync goes on"

    // What follows is subtle: it shows at scale or in a combination only.
    ;

    // What is lost
    LoseEvery1000th "lose-every-1000th" "the record that fills a buffer of a thousand is not put into the next one"
    TwentiethStreamUnflushed "twentieth-stream-unflushed" "streams beyond the pool of twenty share a buffer that is written when full, and not at the end"
    IdleStreamEvicted "idle-stream-evicted" "the buffer of a stream that had nothing for a thousand records is dropped to save memory"
    BigLineLast "big-line-last" "a record above a megabyte is uploaded with the next one, and the state before that one does not wait"
    RestartCleansUp "restart-cleans-up" "what a sync that did not end has left is removed at the start of the next, acknowledged or not"

    // Which row wins
    LateOlderWins "late-older-wins" "cursors are compared within a sync, and whatever it brings replaces what is stored"
    NullCursorWins "null-cursor-wins" "versions are sorted by cursor in descending order, and the engine puts nulls first"
    DeleteSameSyncOnly "delete-same-sync-only" "a deletion is looked up among the rows of its own sync"
    NestedKeyIgnored "nested-key-ignored" "of a composite key, the parts that are no columns of their own are left out"
    KeyCaseFolded "key-case-folded" "keys are compared in the engine's default collation, which knows no case"
    KeyTrimmed "key-trimmed" "keys are compared in columns of fixed length, where blanks at the ends do not count"
    GenerationsAsText "generations-as-text" "generations are compared as text, and 10 is below 9"

    // What is altered
    AlterBeyond253 "alter-beyond-2-53" "integers go through a 64-bit float"
    Float32 "float-32" "numbers with a fraction are stored in a column of 32 bits"
    CutOver64K "cut-over-64k" "a text column holds 65,535 bytes, and the engine cuts what is longer"
    EmptyTextIsNull "empty-text-is-null" "the engine has no empty text, and stores null"
    FalsyIsNull "falsy-is-null" "a number or boolean is converted if it is true, and left out otherwise"
    SplitCharacter "split-character" "each read of 64 KiB is decoded by itself, and a character may lie across two"
    LineEndsNormalised "line-ends-normalised" "text is written in text mode, which turns CR LF into LF"
    OffsetDropped "offset-dropped" "the offset of a time is cut off, and the rest taken for UTC"
    ColumnsOver100 "columns-over-100" "a loop over the fields of a record ends at the hundredth"
    ArrayNullsDropped "array-nulls-dropped" "nulls are removed before storing, in arrays too"
    Composed "composed" "text is brought into its composed Unicode form"
    SecondsOnly "seconds-only" "the time of extraction is converted to seconds and back"
    UndeclaredOrder "undeclared-order" "rows are loaded by position, in the order of the first record's fields"

    // What is told
    CoalesceStates "coalesce-states" "once three states of a stream wait for a flush, only the last is kept"
    SharedCount "shared-count" "one counter serves all streams, and is reset by each state"
    StateNamespaceOfFirst "state-namespace-of-first" "descriptors are looked up by name, and the first of two namespaces is found"
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

    /// The fault, if it is a subtle one.
    #[must_use]
    pub fn subtle(self) -> Option<Fault> {
        self.0.filter(|fault| fault.kind() == Kind::Subtle)
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
