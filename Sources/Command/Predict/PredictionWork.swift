import Foundation
import Imaging
import Torch
import Training

extension PredictCommand {
  /// The failure of an image that could not be segmented.
  struct Failure: Error {
    let description: String
  }

  /// The results of an image before they are written.
  struct Results {
    let summary: Summary
    let files: [(content: Data, target: URL)]
    /// The masks for DICOM objects, one for each class; empty without such a format.
    let masks: [PackedMask]
    /// The lesions for COCO; nil without this format.
    let coco: COCOPredictions.Entry?

    /// Gathers the results and prepares those that several images share.
    ///
    /// - Throws: an error of a mask that is too large for a format.
    init(
      _ summary: Summary, files: [(content: Data, target: URL)], masks: [Image], for formats: [Format]
    ) throws {
      (self.summary, self.files) = (summary, files)
      self.masks = formats.contains(where: \.needsDICOM) ? try masks.map(PackedMask.init) : []
      coco = formats.contains(.coco) ? try COCOPredictions.Entry(summary) : nil
    }
  }

  /// A mask as a one-bit PNG, so that masks of many frames fit into memory.
  struct PackedMask: Sendable {
    private let content: Data

    init(_ mask: Image) throws { content = try mask.bilevelPNGData() }

    /// The mask, 0 and 255.
    var image: Image {
      get throws { try MaskFile.decode([UInt8](content), file: "a mask in memory") }
    }
  }

  /// The work that makes the results of images, on several threads.
  struct Work: Sendable {
    let formats: [Format]
    let predictor: Predictor
    let out: URL
    /// The DICOM objects, which are written at the end.
    let objects: DICOMPlan

    /// Makes the results of one image.
    ///
    /// A bad image does not stop the others.
    func results(
      _ input: PredictionInput, _ found: Result<Predictor.Prediction, any Error>
    ) -> Result<Results, Failure> {
      Result { try results(found.get(), of: input) }.mapError { Failure(description: "\($0)") }
    }

    private func results(_ found: Predictor.Prediction, of input: PredictionInput) throws -> Results {
      if predictor.configuration.segmentsClasses { return try classResults(found, of: input) }
      let probability = found.probability
      let lesion = try predictor.rule.mask(probability)
      let (height, width) = (try probability.size(0), try probability.size(1))
      let mask = try Self.picture(lesion)
      var contents: [(content: Data, target: URL)] = []
      for format in formats {
        guard let content = try content(format, found, probability, mask) else { continue }
        contents.append((content, target([input.name], format)))
      }
      let summary = Summary(
        input, width: width, height: height,
        Findings(try MaskFindings(mask: lesion, probability: probability)),
        files: names(contents, of: input), Summary.Settings(predictor),
        certainty: found.certainty)
      return try Results(summary, files: contents, masks: [mask], for: formats)
    }

    /// Makes the content of a file of one mask; nil if there is none of this form.
    private func content(
      _ format: Format, _ found: Predictor.Prediction, _ probability: Tensor, _ mask: Image
    ) throws -> Data? {
      switch format {
      case .mask: try mask.bilevelPNGData()
      case .probability: try GreyMap.pngData(probability)
      case .probabilityTIFF: try GreyMap.tiffData(probability)
      case .overlay:
        try found.picture.map { try Overlay.draw(prediction: mask, over: Image($0)).pngData() }
      case .calibrated: try found.maps.map { try GreyMap.pngData($0.calibrated) }
      case .uncertainty: try found.maps.map { try GreyMap.pngData($0.uncertainty) }
      case .coco, .dicomSegmentation, .dicomOverlay: nil
      }
    }

    /// Returns the names of the results of an image, with the DICOM objects that hold it.
    func names(_ contents: [(content: Data, target: URL)], of input: PredictionInput) -> [String] {
      contents.map(\.target.lastPathComponent) + objects.names(of: input.file)
    }

    /// Returns the place of a file.
    func target(_ parts: [String], _ format: Format) -> URL {
      out.appendingPathComponent(format.fileName(parts, among: formats))
    }

    /// Makes a mask of 0 and 255 from bool, H×W.
    static func picture(_ mask: Tensor) throws -> Image {
      try Image((mask.to(.uint8) * 255).to(.uint8).expandedDimension(0))
    }
  }
}
