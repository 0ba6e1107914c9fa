//! The tile unit of Intel CPUs since Sapphire Rapids (AMX): an instruction multiplies a tile of up
//! to 16 rows by 64 bytes along k with one of 64 bytes by 16 columns. The packed layouts hold such
//! tiles as they are: a block of the left has rows of 64 bytes, a panel of the right has cells of
//! 32 columns, two tiles side by side.
//!
//! The intrinsics are not stable, so this is assembly. The compiler never uses these registers.

use crate::nn::kernels::simd::BLOCK;
use std::arch::asm;

/// The most rows of a step: two tiles.
pub(super) const ROWS: usize = 2 * BLOCK;

/// Numbers of a row of sums.
const COLUMNS: usize = 2 * BLOCK;

/// The sums of a step, (32, 32) of 32 bits.
#[repr(C, align(64))]
pub(super) struct Sums([u32; ROWS * COLUMNS]);

impl Sums {
    pub fn new() -> Self {
        Self([0; ROWS * COLUMNS])
    }

    /// The sixteen sums of a row in one of the two tiles side by side.
    #[inline(always)]
    pub fn row(&self, row: usize, half: usize) -> *const u32 {
        self.0[row * COLUMNS + half * BLOCK..][..BLOCK].as_ptr()
    }
}

/// The shapes of the eight tile registers, as `ldtilecfg` reads them.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

impl Shapes {
    /// For `size` rows: tmm0 and tmm1 hold the sums of the first sixteen, tmm2 and tmm3 of the
    /// others; tmm4 and tmm5 are of the right-hand side, tmm6 and tmm7 of the left.
    fn of(size: usize) -> Self {
        let (first, second) = (size.min(BLOCK) as u8, size.saturating_sub(BLOCK) as u8);
        let mut shapes =
            Self { palette: 1, start: 0, reserved: [0; 14], bytes: [0; 16], rows: [0; 16] };
        for (tile, rows) in
            [first, first, second, second, BLOCK as u8, BLOCK as u8, first, second]
                .into_iter()
                .enumerate()
        {
            shapes.rows[tile] = rows;
            shapes.bytes[tile] = if rows > 0 { 64 } else { 0 };
        }
        shapes
    }
}

/// The tile unit of this thread, from its first step until this is dropped: registers left in use
/// would slow every change of threads.
pub(super) struct TileUnit {
    /// The rows that the registers are shaped for; 0 before the first step.
    size: usize,
}

/// Assembly lines with the operands of a step: `a` and `b` advance by `step` bytes and by a block of a
/// panel, and `line` and `wide` are the strides of their rows.
macro_rules! run {
    ($blocks:ident, $size:ident, $a:ident, $b:ident, $sums:ident, $($line:expr),+ $(,)?) => {
        asm!(
            $($line,)+
            a = inout(reg) $a => _,
            b = inout(reg) $b => _,
            blocks = inout(reg) $blocks => _,
            sums = in(reg) $sums.0.as_mut_ptr(),
            step = in(reg) 64 * $size,
            line = in(reg) 64usize,
            wide = in(reg) 128usize,
            options(nostack),
        )
    };
}

/// One step, by the instruction that multiplies two tiles: of four tiles of sums, or of two where
/// there are no more than sixteen rows.
macro_rules! step {
    ($multiply:literal, $unit:ident, $blocks:ident, $size:ident, $a:ident, $b:ident, $sums:ident) => {
        $unit.shape($size);
        if $size > BLOCK {
            run!(
                $blocks,
                $size,
                $a,
                $b,
                $sums,
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{b} + {wide}*1]",
                "tileloadd tmm6, [{a} + {line}*1]",
                concat!($multiply, " tmm0, tmm6, tmm4"),
                "tileloadd tmm5, [{b} + {wide}*1 + 64]",
                concat!($multiply, " tmm1, tmm6, tmm5"),
                "tileloadd tmm7, [{a} + {line}*1 + 1024]",
                concat!($multiply, " tmm2, tmm7, tmm4"),
                concat!($multiply, " tmm3, tmm7, tmm5"),
                "add {a}, {step}",
                "add {b}, 2048",
                "dec {blocks}",
                "jnz 2b",
                "tilestored [{sums} + {wide}*1], tmm0",
                "tilestored [{sums} + {wide}*1 + 64], tmm1",
                "tilestored [{sums} + {wide}*1 + 2048], tmm2",
                "tilestored [{sums} + {wide}*1 + 2112], tmm3",
            );
        } else {
            run!(
                $blocks,
                $size,
                $a,
                $b,
                $sums,
                "tilezero tmm0",
                "tilezero tmm1",
                "2:",
                "tileloadd tmm4, [{b} + {wide}*1]",
                "tileloadd tmm6, [{a} + {line}*1]",
                concat!($multiply, " tmm0, tmm6, tmm4"),
                "tileloadd tmm5, [{b} + {wide}*1 + 64]",
                concat!($multiply, " tmm1, tmm6, tmm5"),
                "add {a}, {step}",
                "add {b}, 2048",
                "dec {blocks}",
                "jnz 2b",
                "tilestored [{sums} + {wide}*1], tmm0",
                "tilestored [{sums} + {wide}*1 + 64], tmm1",
            );
        }
    };
}

impl TileUnit {
    /// # Safety
    /// The CPU has AMX, and the process may use it.
    pub unsafe fn new() -> Self {
        Self { size: 0 }
    }

    /// Shapes the registers for `size` rows, unless they are.
    #[inline(always)]
    fn shape(&mut self, size: usize) {
        if self.size != size {
            self.size = size;
            let shapes = Shapes::of(size);
            // SAFETY: `new` vouches for the instruction; the shapes are valid.
            unsafe { asm!("ldtilecfg [{}]", in(reg) &shapes, options(nostack, readonly)) };
        }
    }

    /// Sums of unsigned by signed bytes in `i32`: `sums[i][j] = Σ a[i, k]·b[k, j]`.
    ///
    /// # Safety
    /// `blocks` ≥ 1 blocks of `size` rows lie behind `a`, and of a panel behind `b`.
    #[inline(always)]
    pub unsafe fn int8(
        &mut self,
        (blocks, size): (usize, usize),
        a: *const u32,
        b: *const u32,
        sums: &mut Sums,
    ) {
        // SAFETY: as the caller vouches.
        unsafe {
            step!("tdpbusd", self, blocks, size, a, b, sums);
        }
    }

    /// Sums of products of bf16 pairs in `f32`.
    ///
    /// # Safety
    /// As for [`int8`](Self::int8).
    #[inline(always)]
    pub unsafe fn bf16(
        &mut self,
        (blocks, size): (usize, usize),
        a: *const u32,
        b: *const u32,
        sums: &mut Sums,
    ) {
        // SAFETY: as the caller vouches.
        unsafe {
            step!("tdpbf16ps", self, blocks, size, a, b, sums);
        }
    }
}

impl Drop for TileUnit {
    fn drop(&mut self) {
        if self.size > 0 {
            // SAFETY: the instruction was there for `shape`.
            unsafe { asm!("tilerelease", options(nostack, nomem)) };
        }
    }
}
