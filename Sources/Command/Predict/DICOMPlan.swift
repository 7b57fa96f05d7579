import Foundation
import Imaging
import Training

/// The DICOM objects that a call makes of its inputs, known before any of them is written.
struct DICOMPlan: Sendable {
  /// The files of each segmentation; empty if none is written.
  private(set) var groups: [[URL]] = []
  /// The messages of the files that no segmentation can take.
  private(set) var refused: [URL: String] = [:]
  private var segmentations: [URL: String] = [:]
  private var overlays: [URL: String] = [:]

  /// Finds the objects by the headers of the files.
  ///
  /// - Parameters:
  ///   - inputs: the images.
  ///   - formats: the forms of the results.
  init(_ inputs: [PredictionInput], _ formats: [PredictCommand.Format]) {
    var stems: [URL: String] = [:]
    var files: [URL] = []
    for input in inputs where input.isDICOM && stems[input.file] == nil {
      files.append(input.file)
      // Only a frame of several has a number after the name of its file.
      let end = input.frame.flatMap { _ in input.name.lastIndex(of: "-") } ?? input.name.endIndex
      stems[input.file] = String(input.name[..<end])
    }
    if formats.contains(.dicomOverlay) { overlays = stems.mapValues { $0 + "-overlay.dcm" } }
    guard formats.contains(.dicomSegmentation) else { return }
    var messages: [String] = []
    // It throws nothing, because no refusal does.
    let places = (try? DICOMSegmentation.groups(of: files) { messages.append("\($0)") }) ?? []
    groups = places.map { $0.map { files[$0] } }
    for group in groups {
      let name = stems[group[0]].map { $0 + "-seg.dcm" }
      for file in group { segmentations[file] = name }
    }
    // Refusals come in the order of the files.
    let others = files.filter { segmentations[$0] == nil }
    refused = Dictionary(zip(others, messages), uniquingKeysWith: { first, _ in first })
  }

  /// The name of the segmentation that holds a file; nil if there is none.
  func segmentation(of file: URL) -> String? { segmentations[file] }

  /// The name of the overlay of a file; nil if there is none.
  func overlay(of file: URL) -> String? { overlays[file] }

  /// The names of the objects that hold a file.
  func names(of file: URL) -> [String] { [segmentations[file], overlays[file]].compactMap { $0 } }
}
