#include "modelfloat/codec/zstd.h"

#include <memory>
#include <new>
#include <string>

#include <zstd.h>
#include <zstd_errors.h>

#include "modelfloat/base/error.h"

namespace modelfloat::codec {
namespace {

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

void set(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
  const std::size_t result = ZSTD_CCtx_setParameter(context, parameter, value);
  if (ZSTD_isError(result)) throw Error(ErrorKind::internal, "zstd", ZSTD_getErrorName(result));
}

// A context is some MB and slow to make, so each thread keeps its own.
ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  if (!context) throw std::bad_alloc();
  return context.get();
}

ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  if (!context) throw std::bad_alloc();
  return context.get();
}

// The library would also skip unknown frames, join several frames, and read the formats of its
// early versions.
bool is_one_frame_of(ByteSpan encoded, std::size_t plain_bytes) {
  return encoded.size() >= 4 && load_le<std::uint32_t>(encoded) == ZSTD_MAGICNUMBER &&
         ZSTD_getFrameContentSize(encoded.data(), encoded.size()) == plain_bytes &&
         ZSTD_findFrameCompressedSize(encoded.data(), encoded.size()) == encoded.size();
}

}  // namespace

std::optional<std::size_t> zstd_compress(ByteSpan plain, int level, MutableByteSpan out) {
  ZSTD_CCtx* const context = compressor();
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  set(context, ZSTD_c_compressionLevel, level);
  set(context, ZSTD_c_contentSizeFlag, 1);
  set(context, ZSTD_c_checksumFlag, 0);
  set(context, ZSTD_c_dictIDFlag, 0);
  const std::size_t result = ZSTD_compress2(context, out.data(), out.size(), plain.data(), plain.size());
  if (!ZSTD_isError(result)) return result;
  if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall) return std::nullopt;
  if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc();
  throw Error(ErrorKind::internal, "zstd", ZSTD_getErrorName(result));
}

bool zstd_decompress(ByteSpan encoded, MutableByteSpan plain) {
  if (!is_one_frame_of(encoded, plain.size())) return false;
  ZSTD_DCtx* const context = decompressor();
  return ZSTD_decompressDCtx(context, plain.data(), plain.size(), encoded.data(), encoded.size()) == plain.size();
}

}  // namespace modelfloat::codec
