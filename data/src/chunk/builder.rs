//! Pages put together to a column chunk, with its statistics and page indexes.

use super::Chunk;
use super::bounds::Bound;
use super::packing::levels;
use crate::writer::ZSTD_LEVEL;
use bytes::Bytes;
use parquet::basic::{
    BoundaryOrder, Compression, Encoding, EncodingMask, PageType, Type, ZstdLevel,
};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, LevelHistogram, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

/// The rows of a page.
pub(super) struct PageRows<'a> {
    /// Their number.
    pub(super) rows: usize,
    /// Whether each has a value; `None` for a column in which every row does.
    pub(super) valid: Option<&'a [bool]>,
}

/// A chunk that grows by pages. All pages of data share one encoding.
pub(super) struct ChunkBuilder<B> {
    descr: ColumnDescPtr,
    encoding: Encoding,
    floats: bool,
    sink: TrackedWrite<Vec<u8>>,
    compressor: Compressor<'static>,
    dictionary: bool,
    data_offset: Option<u64>,
    data_pages: i32,
    rows: usize,
    nulls: u64,
    nans: u64,
    /// Rows without and with a value, for columns that may lack values.
    levels: Option<LevelHistogram>,
    uncompressed: usize,
    bounds: Option<(B, B)>,
    order: Order<B>,
    column_index: ColumnIndexBuilder,
    offset_index: OffsetIndexBuilder,
}

/// Whether the bounds of pages ascend or descend so far.
struct Order<B> {
    last: Option<(B, B)>,
    ascending: bool,
    descending: bool,
}

impl<B: Bound> ChunkBuilder<B> {
    pub(super) fn new(descr: &ColumnDescPtr, column: Type, encoding: Encoding) -> Result<Self> {
        Ok(Self {
            descr: descr.clone(),
            encoding,
            floats: matches!(column, Type::FLOAT | Type::DOUBLE),
            sink: TrackedWrite::new(Vec::new()),
            compressor: Compressor::new(ZSTD_LEVEL)?,
            dictionary: false,
            data_offset: None,
            data_pages: 0,
            rows: 0,
            nulls: 0,
            nans: 0,
            levels: LevelHistogram::try_new(descr.max_def_level()),
            uncompressed: 0,
            bounds: None,
            order: Order { last: None, ascending: true, descending: true },
            column_index: ColumnIndexBuilder::new(column),
            offset_index: OffsetIndexBuilder::new(),
        })
    }

    /// Adds the dictionary, which comes before all data.
    pub(super) fn dictionary_page(&mut self, values: &[u8], count: usize) -> Result<()> {
        let page = Page::DictionaryPage {
            buf: self.compressor.compress(values)?.into(),
            num_values: number(count),
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.dictionary = true;
        self.write(CompressedPage::new(page, values.len())).map(drop)
    }

    /// Adds a page; `bounds` are those of its values, `None` where no row has one.
    pub(super) fn data_page(
        &mut self,
        rows: &PageRows<'_>,
        values: &[u8],
        bounds: Option<(B, B)>,
        nans: u64,
    ) -> Result<()> {
        let mut raw = rows.valid.map(levels).unwrap_or_default();
        raw.extend_from_slice(values);
        let page = Page::DataPage {
            buf: self.compressor.compress(&raw)?.into(),
            num_values: number(rows.rows),
            encoding: self.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (offset, size) = self.write(CompressedPage::new(page, raw.len()))?;
        self.data_offset.get_or_insert(offset);
        self.data_pages += 1;
        self.offset_index.append_offset_and_size(signed(offset), number(size).cast_signed());
        self.offset_index.append_row_count(signed(rows.rows as u64));
        self.rows += rows.rows;
        self.count(rows, bounds, nans);
        Ok(())
    }

    /// Writes a page; returns its offset and its size with the header.
    fn write(&mut self, page: CompressedPage) -> Result<(u64, usize)> {
        let written = SerializedPageWriter::new(&mut self.sink).write_page(page)?;
        self.uncompressed += written.uncompressed_size;
        Ok((written.offset, written.compressed_size))
    }

    fn count(&mut self, rows: &PageRows<'_>, bounds: Option<(B, B)>, nans: u64) {
        let missing = |valid: &[bool]| valid.iter().filter(|&&valid| !valid).count() as u64;
        let nulls = rows.valid.map_or(0, missing);
        self.nulls += nulls;
        self.nans += nans;
        let (min, max) = match &bounds {
            None => (Vec::new(), Vec::new()),
            Some((min, max)) => (min.bytes(), max.bytes()),
        };
        let index_nans = self.floats.then_some(signed(nans));
        self.column_index.append(bounds.is_none(), min, max, signed(nulls), index_nans);
        if let Some(levels) = &mut self.levels {
            let mut page = levels.clone();
            page.reset();
            page.increment_by(0, signed(nulls));
            page.increment_by(1, signed(rows.rows as u64 - nulls));
            levels.add(&page);
            self.column_index.append_histograms(&None, &Some(page));
        }
        let Some((min, max)) = bounds else { return };
        self.order.add(&min, &max);
        self.bounds = Some(match self.bounds.take() {
            None => (min, max),
            Some((least, greatest)) => (least.min(min), greatest.max(max)),
        });
    }

    /// The finished chunk.
    pub(super) fn finish(mut self) -> Result<Chunk> {
        self.column_index.set_boundary_order(self.order.boundary());
        let bytes = Bytes::from(self.sink.into_inner()?);
        let page = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let mut pages = vec![page(PageType::DATA_PAGE, self.encoding, self.data_pages)];
        let mut encodings = vec![Encoding::RLE, self.encoding];
        if self.dictionary {
            pages.insert(0, page(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
            encodings.push(Encoding::PLAIN);
        }
        // Without a value there is nothing that could be a NaN.
        let nans = (self.floats && self.bounds.is_some()).then_some(self.nans);
        let codec = Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?);
        let metadata = ColumnChunkMetaData::builder(self.descr)
            .set_compression(codec)
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_page_encoding_stats(pages)
            .set_total_compressed_size(signed(bytes.len() as u64))
            .set_total_uncompressed_size(signed(self.uncompressed as u64))
            .set_num_values(signed(self.rows as u64))
            .set_data_page_offset(signed(self.data_offset.unwrap_or(0)))
            .set_dictionary_page_offset(self.dictionary.then_some(0))
            .set_definition_level_histogram(self.levels)
            .set_statistics(B::statistics(self.bounds, self.nulls, nans))
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows as u64,
            metadata,
            bloom_filter: None,
            column_index: Some(self.column_index.build()?),
            offset_index: Some(self.offset_index.build()),
        };
        Ok((bytes, close))
    }
}

impl<B: Bound> Order<B> {
    fn add(&mut self, min: &B, max: &B) {
        if let Some((last_min, last_max)) = &self.last {
            self.ascending &= last_min <= min && last_max <= max;
            self.descending &= last_min >= min && last_max >= max;
        }
        self.last = Some((min.clone(), max.clone()));
    }

    fn boundary(&self) -> BoundaryOrder {
        match (self.ascending, self.descending) {
            (true, _) => BoundaryOrder::ASCENDING,
            (false, true) => BoundaryOrder::DESCENDING,
            (false, false) => BoundaryOrder::UNORDERED,
        }
    }
}

/// A count within a page, which the format stores in 32 bits.
fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a page is far smaller than 4 GiB")
}

/// A size, which the format stores with a sign.
fn signed(size: u64) -> i64 {
    i64::try_from(size).expect("a chunk is far smaller than 8 EiB")
}
