import Foundation
import Imaging
import Metrics
import Segmentation
import TestSupport
import Testing
import Torch

@testable import Training

extension TrainingRuns {
  /// One way of computing a mask, whatever else is asked for beside it.
  @Suite("Predictor")
  struct PredictorTests {
    private let folder: TemporaryFolder
    private let files: [URL]

    /// Large JPEGs, of sizes that can and cannot be reduced, and a PNG.
    init() throws {
      let folder = try TemporaryFolder("predictor")
      self.folder = folder
      files =
        try [(1600, 1200), (1203, 801), (640, 480), (160, 96)].enumerated().map { number, size in
          let url = folder.file("\(number).jpg")
          try ImageFile.writeJPEG(Self.picture(number, width: size.0, height: size.1), to: url)
          return url
        }
        + [4].map { number in
          let url = folder.file("\(number).png")
          try ImageFile.writePNG(Self.picture(number, width: 70, height: 90), to: url)
          return url
        }
    }

    /// Soft blobs of colour with some grain.
    private static func picture(_ number: Int, width: Int, height: Int) throws -> Image {
      let generator = try Generator(seed: UInt64(number))
      let blobs = try Tensor.randomUniform([1, 3, 9, 11], low: 20, high: 235, generator: generator)
        .resized(height: height, width: width).squeezed(0)
      let grain = try Tensor.randomNormal([3, height, width], generator: generator) * 6
      return try Image((blobs + grain).clamped(min: 0, max: 255).to(.uint8))
    }

    /// A run whose masks have lesion and background: the threshold is the middle of what it says of a picture.
    private func predictor(
      _ run: Run, _ decoding: Predictor.Decoding = .whole, precision: Precision = .float32
    ) throws -> Predictor {
      let probabilities = try run.predictor(precision: precision, decoding: decoding)
        .probability(of: files[0]).floats().sorted()
      let middle = Double(probabilities[probabilities.count / 2])
      return try run.predictor(precision: precision, decoding: decoding, threshold: .fixed(middle))
    }

    /// A finished run; `large` has a tower and a head whose products are shared among threads.
    private func run(_ tiny: TinyRun, large: Bool = false) throws -> Run {
      if large {
        tiny.configuration.clip = "random:\(Project.file("Configurations/vit-small-p8-128.json").path)"
        tiny.configuration.imageSize = 128
        tiny.configuration.model.head = HeadConfiguration()
      }
      let (_, system) = try tiny.trainer()
      try system.saveWeights(to: tiny.run.weightsFile)
      return try tiny.open()
    }

    /// The bytes of the mask files that are written for all pictures at once.
    private func masks(_ predictor: Predictor, of files: [URL], keepingPictures: Bool = false) throws
      -> [Data]
    {
      let threshold = predictor.threshold
      return try predictor(files, keepingPictures: keepingPictures) { _, found in
        try BinaryMask(threshold.mask(found.get().probability)).image.bilevelPNGData()
      } store: {
        $0
      }
    }

    private static var precisions: [Precision] {
      [.float32] + (Machine.hasBFloat16 ? [.bfloat16] : []) + (Machine.hasInt8 ? [.int8] : [])
    }

    @Test(
      "A mask is the same byte for byte, alone or among others, with its picture or without",
      arguments: Predictor.Decoding.allCases, precisions)
    func sameMask(decoding: Predictor.Decoding, precision: Precision) throws {
      let tiny = try TinyRun()
      let predictor = try predictor(run(tiny), decoding, precision: precision)
      let together = try masks(predictor, of: files)
      #expect(try masks(predictor, of: files, keepingPictures: true) == together)
      #expect(try masks(predictor, of: files.reversed()) == together.reversed())
      for (file, mask) in zip(files, together) {
        let alone = try predictor.mask(of: file)
        #expect(try alone.image.bilevelPNGData() == mask, "\(file.lastPathComponent)")
        #expect(alone.count > 0 && alone.count < alone.width * alone.height, "\(file.lastPathComponent)")
        let size = try ImageFile.size(file)
        #expect(alone.width == size.width && alone.height == size.height)
      }
    }

    @Test(
      "A mask does not depend on how many threads compute it", arguments: Predictor.Decoding.allCases,
      precisions)
    func threads(decoding: Predictor.Decoding, precision: Precision) throws {
      let tiny = try TinyRun()
      let predictor = try predictor(run(tiny, large: true), decoding, precision: precision)
      let found = try [1, 2, 4].map { count in
        try Machine.withThreads(count) {
          #expect(Machine.threads == count)
          return (
            each: try files.map { try predictor.probability(of: $0) },
            together: try masks(predictor, of: files)
          )
        }
      }
      for other in found.dropFirst() {
        #expect(other.together == found[0].together)
        for (file, (one, several)) in zip(files, zip(found[0].each, other.each)) {
          #expect(try difference(one, several) == 0, "\(file.lastPathComponent)")
        }
      }
    }

    @Test("Both decodings are deterministic, and close to each other", arguments: [true, false])
    func decodings(large: Bool) throws {
      let tiny = try TinyRun()
      let run = try run(tiny, large: large)
      let found = try Predictor.Decoding.allCases.map { decoding in
        try (0..<2).map { _ in
          let predictor = try run.predictor(precision: .float32, decoding: decoding)
          return try files.map { try predictor.probability(of: $0) }
        }
      }
      for each in found {
        for (first, again) in zip(each[0], each[1]) { #expect(try first.isEqual(to: again)) }
      }
      for (file, (whole, reduced)) in zip(files, zip(found[0][0], found[1][0])) {
        let (size, side) = (try ImageFile.size(file), run.configuration.imageSize)
        let canBeReduced =
          file.pathExtension == "jpg"
          && [size.width, size.height].allSatisfy { $0 % 2 == 0 && $0 / 2 >= side }
        #expect(try whole.isEqual(to: reduced) != canBeReduced, "\(file.lastPathComponent)")
        #expect(try difference(whole, reduced) < 0.1, "\(file.lastPathComponent)")
      }
    }

    @Test("An image in memory has the mask of its file")
    func inMemory() throws {
      let tiny = try TinyRun()
      let predictor = try predictor(run(tiny))
      for file in files {
        #expect(try predictor.mask(of: ImageFile.read(file)) == predictor.mask(of: file))
      }
    }

    @Test("The scores of a sample are those of the mask file that is written for it")
    func scores() throws {
      let tiny = try TinyRun(epochs: 1)
      try tiny.trainer().trainer.train()
      let run = try tiny.open()
      for sample in try TinyRun.sites.get()[2].testSamples {
        let probability = try run.predictor(precision: .float32).probability(of: sample.image).floats()
          .sorted()
        let threshold = Double(probability[probability.count * 3 / 4])
        let predictor = try run.predictor(precision: .float32, threshold: .fixed(threshold))
        let file = folder.file("\(sample.id).mask.png")
        try MaskFile.writeBinary(predictor.mask(of: sample.image).image, to: file)
        func mask(_ url: URL) throws -> BinaryMask {
          let image = try MaskFile.read(url)
          return try BinaryMask(
            width: image.width, height: image.height, values: image.pixels.map { $0 > 127 })
        }
        let reference = try mask(#require(sample.mask))
        let written = try ImageScores(prediction: mask(file), reference: reference, tolerance: 2)
        #expect(!written.predictionIsEmpty)
        #expect(try predictor.assess(sample, tolerance: 2).scores == written)
        // So are those of samples that are assessed together.
        #expect(try predictor.assess([sample, sample], tolerance: 2).map(\.scores) == [written, written])
      }
    }
  }
}
