import Foundation
import Imaging
import Storage
import Training

/// The DICOM objects of predictions: a segmentation for each series, an overlay for each file.
struct DICOMResults {
  private typealias Done = PredictCommand.Found.Done

  private let formats: [PredictCommand.Format]
  private let out: URL
  private let plan: DICOMPlan
  private let limits: ImageLimits
  private let options: DICOMSegmentation.Options

  /// Prepares the objects.
  ///
  /// - Parameters:
  ///   - work: the work that made the masks.
  ///   - run: the run, whose weights the UIDs of the objects derive from.
  ///   - allFrames: whether segmentations have frames without a lesion, too.
  ///   - nominalGeometry: whether segmentations have made-up positions.
  /// - Throws: an error that names the file of weights.
  init(_ work: PredictCommand.Work, of run: Run, allFrames: Bool, nominalGeometry: Bool) throws {
    (formats, out, plan) = (work.formats, work.out, work.objects)
    let (configuration, predictor) = (run.configuration, work.predictor)
    limits = ImageLimits(maximumPixels: predictor.configuration.maxPixels)
    var algorithm = DICOMAlgorithm()
    algorithm.parameters = "\(predictor.methodLabel); \(predictor.statement)"
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let inference = String(decoding: try encoder.encode(predictor.inference), as: UTF8.self)
    algorithm.fingerprint =
      try "\(run.folder.modelHash()) \(algorithm.parameters) \(inference) \(predictor.precision.rawValue)"
    let names =
      configuration.segmentsClasses ? configuration.classes : [configuration.lesionClass ?? "lesion"]
    let segments = names.enumerated().map { index, name in
      DICOMSegmentation.Segment(
        name: name, colour: configuration.segmentsClasses ? .ofClass(index) : .prediction)
    }
    options = DICOMSegmentation.Options(
      segments: segments, allFrames: allFrames, nominalGeometry: nominalGeometry, algorithm: algorithm)
  }

  /// Writes the objects.
  ///
  /// A file with a frame that failed has none, because a frame that is missing looks like one without
  /// a lesion.
  ///
  /// - Parameters:
  ///   - found: the predictions.
  ///   - console: receives the warning of nominal geometry, and what has no lesion.
  /// - Returns: the messages of those that could not be written.
  func write(_ found: PredictCommand.Found, _ console: Console) -> [String] {
    let failed = Set(found.failed.map(\.file))
    var frames: [URL: [Done]] = [:]
    var files: [URL] = []
    for done in found.done where !failed.contains(done.input.file) {
      if frames[done.input.file] == nil { files.append(done.input.file) }
      frames[done.input.file, default: []].append(done)
    }
    var failures = failed.intersection(found.done.map(\.input.file)).sorted { $0.path < $1.path }.map {
      "\($0.shownPath): some of its frames failed, so it has no DICOM result"
    }
    func attempt(_ body: () throws -> Void) {
      do { try body() } catch { failures.append("\(error)") }
    }
    if formats.contains(.dicomSegmentation) {
      if options.nominalGeometry { console.note("warning: " + DICOMSegmentation.nominalGeometryWarning) }
      // A file that is not usable does not cost the others their result.
      failures += files.compactMap { plan.refused[$0] }
      for group in plan.groups {
        let whole = group.filter { frames[$0] != nil }
        guard let name = whole.first.flatMap(plan.segmentation(of:)) else { continue }
        attempt { try segmentation(whole, named: name, frames, console) }
      }
    }
    if formats.contains(.dicomOverlay) {
      for file in files {
        guard let name = plan.overlay(of: file) else { continue }
        attempt { try overlay(file, named: name, frames[file] ?? []) }
      }
    }
    return failures
  }

  /// Writes the segmentation of a series, or of a file of several frames.
  private func segmentation(
    _ sources: [URL], named name: String, _ frames: [URL: [Done]], _ console: Console
  ) throws {
    let object = try DICOMSegmentation(sources: sources, options: options)
    for (index, source) in sources.enumerated() {
      for done in frames[source] ?? [] {
        try object.append(try done.masks.map { try $0.image }, frame: done.input.frame ?? 1, source: index)
      }
    }
    let target = out.appendingPathComponent(name)
    if try !object.write(to: target) {
      console.note("\(target.lastPathComponent): no lesion found; it has one frame without a pixel")
    }
  }

  /// Writes the overlay of a file.
  private func overlay(_ source: URL, named name: String, _ done: [Done]) throws {
    let frames = Dictionary(done.map { ($0.input.frame ?? 1, $0) }, uniquingKeysWith: { first, _ in first })
    try DICOMOverlay.write(
      frames: frames.keys.sorted(), source: source, segments: options.segments,
      algorithm: options.algorithm,
      to: out.appendingPathComponent(name)
    ) { frame in
      // Through the inputs, where the file may still be open.
      guard let done = frames[frame], let read = done.input.reading else {
        throw DICOMError.noSuchFrame(file: source.path, index: frame - 1, count: frames.count)
      }
      return (try read(limits), try done.masks.map { try $0.image })
    }
  }
}
