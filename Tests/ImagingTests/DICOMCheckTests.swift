import Foundation
import Imaging
import Testing

/// What scripts/check-dicom found DCMTK to show of a file.
private struct CheckedFile: Decodable {
  let file: String
  let reason: String
  let width: Int?
  let height: Int?
  let channels: Int?
  let frames: Int?
  let samples: String?
}

private let manifest = ProcessInfo.processInfo.environment["MCDRL_DICOM_CHECK"]

@Suite(
  "DICOM files of the pydicom wheels",
  .enabled(if: manifest != nil && DICOMFile.isBuiltIn, "scripts/check-dicom runs it"))
struct DICOMCheck {
  @Test("Every file that DCMTK shows has the same samples")
  func files() throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: try #require(manifest)))
    let entries = try JSONDecoder().decode([CheckedFile].self, from: data)
    var equal = 0
    for entry in entries {
      let name = URL(fileURLWithPath: entry.file).lastPathComponent
      let result: String
      do {
        result = try difference(entry)
      } catch {
        result = "refused: \(error)"
      }
      if entry.samples == nil {
        print("\(name): no truth (\(entry.reason)); \(result)")
      } else {
        #expect(result == "difference 0", "\(name)")
        equal += result == "difference 0" ? 1 : 0
      }
    }
    print("DICOM: \(equal) of \(entries.filter { $0.samples != nil }.count) files have a difference of 0")
  }

  /// Returns the largest difference of a sample, or how many frames were read if there is no truth.
  private func difference(_ entry: CheckedFile) throws -> String {
    let file = try DICOMFile(URL(fileURLWithPath: entry.file))
    let frames = try (0..<file.frameCount).map { try file.frame($0) }
    guard let samples = entry.samples else { return "read \(frames.count) frames" }
    guard file.width == entry.width, file.height == entry.height, frames.count == entry.frames,
      frames.allSatisfy({ $0.channels == entry.channels })
    else { return "another size or number of frames" }
    let wanted = [UInt8](try Data(contentsOf: URL(fileURLWithPath: samples)))
    let found = frames.flatMap(\.pixels)
    guard found.count == wanted.count else { return "another number of samples" }
    guard found != wanted else { return "difference 0" }
    return "difference \(zip(found, wanted).map { abs(Int($0) - Int($1)) }.max() ?? 0)"
  }
}
