//! Parquet's compact integers: variable-length numbers, runs, packed bits, constant differences.

/// Differences that share a header in `DELTA_BINARY_PACKED`.
const DELTA_BLOCK: usize = 128;
/// Parts of such a block, each with its own width.
const DELTA_MINIBLOCKS: u8 = 4;
/// Values that a packed group holds.
const GROUP: usize = 8;

/// Appends a number in groups of seven bits, the lowest first (LEB128).
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Signed numbers so that small ones stay small: 0, -1, 1, -2, …
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// `count` numbers from `first` on that differ by `delta`, as `DELTA_BINARY_PACKED`: every packed
/// difference is the least one, so that all widths are 0.
pub(super) fn constant_delta(count: usize, first: i64, delta: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, DELTA_BLOCK as u64);
    put_varint(&mut out, u64::from(DELTA_MINIBLOCKS));
    put_varint(&mut out, count as u64);
    put_varint(&mut out, zigzag(first));
    for _ in 0..count.saturating_sub(1).div_ceil(DELTA_BLOCK) {
        put_varint(&mut out, zigzag(delta));
        out.extend_from_slice(&[0; DELTA_MINIBLOCKS as usize]);
    }
    out
}

/// The bits that tell `count` codes apart.
pub(super) fn width_of(count: usize) -> u8 {
    let largest = count.saturating_sub(1);
    u8::try_from(usize::BITS - largest.leading_zeros()).expect("at most 64 bits")
}

/// Codes of a page of `RLE_DICTIONARY`: the width, then one run.
pub(super) fn pack(codes: &[u16], width: u8) -> Vec<u8> {
    let mut out = vec![width];
    let Some(&first) = codes.first() else { return out };
    if codes.iter().all(|&code| code == first) {
        put_varint(&mut out, (codes.len() as u64) << 1);
        out.extend_from_slice(&first.to_le_bytes()[..usize::from(width).div_ceil(8)]);
        return out;
    }
    put_packed(&mut out, codes.iter().copied(), codes.len(), width);
    out
}

/// Definition levels of a page: the length in bytes, then whether each row has a value.
pub(super) fn levels(valid: &[bool]) -> Vec<u8> {
    let mut run = Vec::with_capacity(valid.len() / GROUP + GROUP);
    if valid.iter().all(|&valid| valid) {
        put_varint(&mut run, (valid.len() as u64) << 1);
        run.push(1);
    } else {
        put_packed(&mut run, valid.iter().map(|&valid| u16::from(valid)), valid.len(), 1);
    }
    let length = u32::try_from(run.len()).expect("a page has few rows");
    let mut out = length.to_le_bytes().to_vec();
    out.append(&mut run);
    out
}

/// One run of numbers of `width` bits each, lowest bits first, filled up with zeros to a group.
fn put_packed(out: &mut Vec<u8>, numbers: impl Iterator<Item = u16>, count: usize, width: u8) {
    let groups = count.div_ceil(GROUP);
    put_varint(out, (groups as u64) << 1 | 1);
    let end = out.len() + groups * usize::from(width);
    let (mut bits, mut filled) = (0_u64, 0);
    for number in numbers {
        bits |= u64::from(number) << filled;
        filled += u32::from(width);
        // At most 31 bits stay, so that 16 more always fit.
        if filled >= 32 {
            out.extend_from_slice(&bits.to_le_bytes()[..4]);
            bits >>= 32;
            filled -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes()[..filled.div_ceil(8) as usize]);
    out.resize(end, 0);
}
