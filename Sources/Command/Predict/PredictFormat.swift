extension PredictCommand {
  /// A form of the results.
  enum Format: String, CaseIterable {
    case mask, probability
    case probabilityTIFF = "probability-tiff"
    case overlay, calibrated, uncertainty, coco
    case dicomSegmentation = "dicom-seg"
    case dicomOverlay = "dicom-overlay"

    /// Whether it needs the calibration of the run.
    var needsCalibration: Bool { self == .calibrated || self == .uncertainty }

    /// Whether it needs DICOM inputs.
    var needsDICOM: Bool { self == .dicomSegmentation || self == .dicomOverlay }

    /// Whether each image gets a file of its own.
    var isOfEachImage: Bool { !needsDICOM && self != .coco }

    /// Whether each of several classes gets a file of its own.
    var isOfEachClass: Bool { self == .mask || self == .probability || self == .probabilityTIFF }

    /// The end of the names of its files.
    fileprivate var ending: String { self == .probabilityTIFF ? ".tif" : ".png" }

    /// The form in names of files; both forms of probabilities have the same.
    fileprivate var word: String { self == .probabilityTIFF ? "probability" : rawValue }

    /// Returns the name of a file of this form.
    ///
    /// - Parameters:
    ///   - parts: the name of the image, and of the class if the file is of one.
    ///   - formats: all forms that are written; a single one is not named.
    /// - Returns: the name.
    func fileName(_ parts: [String], among formats: [Format]) -> String {
      let isAlone = formats.filter(\.isOfEachImage).count == 1
      return (isAlone ? parts : parts + [word]).joined(separator: "-") + ending
    }

    /// Checks that forms fit each other, the inputs and the other options.
    ///
    /// - Throws: `UsageError` that names the option, and the input that does not fit.
    static func check(_ formats: [Format], _ inputs: InputImages, nominal: Bool, allFrames: Bool) throws {
      if formats.contains(.probability), formats.contains(.probabilityTIFF) {
        throw UsageError.rejected(
          option: "format", text: nil,
          reason: "probability and probability-tiff are the same map in two forms; choose one of them")
      }
      let others = [("nominal-geometry", nominal), ("all-frames", allFrames)]
      if let (name, _) = others.first(where: \.1), !formats.contains(.dicomSegmentation) {
        throw UsageError.rejected(
          option: name, text: nil, reason: "belongs to --format dicom-seg, which is not among the formats")
      }
      guard let format = formats.first(where: \.needsDICOM) else { return }
      let files = inputs.images.filter { !$0.isDICOM }.map(\.file) + inputs.videos.map(\.file)
      if let file = files.first {
        throw UsageError.rejected(
          option: "format", text: format.rawValue,
          reason: "\(file.shownPath) is not an image in a DICOM file, whose patient and study the result "
            + "would take over; give DICOM inputs alone, or another format")
      }
    }
  }
}
