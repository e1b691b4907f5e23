//! The first rows of many, which are kept to be looked at one by one.

/// How many are kept, at most.
const ROWS: usize = 20_000;
/// Their bytes, at most; one row may be of any length.
const BYTES: usize = 64 << 20;

/// The first rows.
#[derive(Debug)]
pub struct First<T> {
    /// Those that are kept.
    pub rows: Vec<T>,
    bytes: usize,
    /// Whether there are more.
    pub is_cut: bool,
}

impl<T> Default for First<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), bytes: 0, is_cut: false }
    }
}

impl<T> First<T> {
    /// Keeps a row of so many bytes, as long as there is room.
    pub fn push(&mut self, row: T, bytes: usize) {
        self.bytes += bytes;
        self.is_cut |= self.rows.len() >= ROWS || !self.rows.is_empty() && self.bytes > BYTES;
        if !self.is_cut {
            self.rows.push(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_kept_up_to_a_number_and_a_size() {
        let kept = |sizes: &[usize]| {
            let mut first = First::default();
            for size in sizes {
                first.push(*size, *size);
            }
            (first.rows.len(), first.is_cut)
        };
        assert_eq!(kept(&vec![1; ROWS]), (ROWS, false));
        assert_eq!(kept(&vec![1; ROWS + 1]), (ROWS, true));
        assert_eq!(kept(&[BYTES + 1]), (1, false));
        assert_eq!(kept(&[BYTES, 1, 1]), (1, true));
    }
}
