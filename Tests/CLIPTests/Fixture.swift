import Foundation
import Testing
import Torch

/// Where the files are that `Fixtures/make_*.py` wrote.
func fixture(_ path: String) -> URL {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(path)")
}

/// A folder of its own for a test, removed when `body` returns.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("clip-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// The text of the error that a body throws.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch {
    return "\(error)"
  }
}

/// The largest difference of two tensors' elements; infinite for other shapes.
func difference(_ left: Tensor, _ right: Tensor) throws -> Double {
  guard left.shape == right.shape else { return .infinity }
  return try (left.to(.float64) - right.to(.float64)).magnitude().flattened().max([0]).item()
}
