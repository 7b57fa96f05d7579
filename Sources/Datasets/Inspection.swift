import Foundation
import Imaging
import Torch

/// What a data folder holds and what is wrong with it.
public struct Inspection: Codable, Sendable {
  /// The figures of one site.
  public struct SiteFigures: Codable, Sendable {
    /// The site.
    public var name: String
    /// How many images.
    public var images = 0
    /// How many other images score the site when it is held out.
    public var testImages = 0
    /// How many patients or sequences; equals the images where groups are not stated.
    public var groups = 0
    /// Width×height of the smallest image.
    public var smallest = ""
    /// Width×height of the largest image.
    public var largest = ""
    /// The mean share of an image that is lesion.
    public var lesionShare = 0.0
    /// How many masks are empty.
    public var emptyMasks = 0
    /// How many images of each stated class.
    public var classes: [String: Int] = [:]

    enum CodingKeys: String, CodingKey {
      case name, images, groups, smallest, largest, classes
      case lesionShare = "lesion_share"
      case emptyMasks = "empty_masks"
      case testImages = "test_images"
    }
  }

  /// The sites.
  public var sites: [SiteFigures] = []
  /// One line each: unreadable files, sizes that differ, masks that are not binary, duplicates across sites.
  public var problems: [String] = []

  /// Reads every image and mask once.
  ///
  /// - Parameters:
  ///   - catalog: the sites.
  ///   - progress: told how many images are done.
  /// - Throws: never for a bad image: that is a problem to report.
  public init(_ catalog: SiteCatalog, progress: (Int) -> Void = { _ in }) throws {
    let reader = SampleReader(size: 1)
    var seen: [UInt64: Sample] = [:]
    var done = 0
    for site in catalog.sites {
      var figures = SiteFigures(name: site.name)
      figures.images = site.samples.count
      figures.groups = Set(site.samples.map(\.group)).count
      var sizes: [[Int]] = []
      var shares: [Double] = []
      figures.testImages = site.allSamples.count - site.samples.count
      for (index, sample) in site.allSamples.enumerated() {
        // Images that only score the site are looked at, but do not count as the site's.
        let isOwn = index < site.samples.count
        if isOwn, let name = sample.lesionClass { figures.classes[name, default: 0] += 1 }
        do {
          let image = try reader.image(sample.image)
          let shape = Array(image.shape.dropFirst())
          if isOwn { sizes.append(shape) }
          if let first = seen.updateValue(sample, forKey: try Self.hash(image)) {
            let across = first.site == sample.site ? "twice" : "at two sites"
            problems.append(
              "\(sample.image.path): the same picture stands \(across), see \(first.image.path)")
          }
          let mask = try reader.mask(of: sample, imageSize: shape) ?? .zeros(shape, dtype: .bool)
          let share = try mask.to(.float32).mean().item()
          if isOwn {
            shares.append(share)
            if share == 0 { figures.emptyMasks += 1 }
          }
          if let problem = try Self.maskProblem(sample) { problems.append(problem) }
        } catch {
          problems.append("\(error)")
        }
        done += 1
        progress(done)
      }
      let ordered = sizes.sorted { ($0[0] * $0[1], $0[1]) < ($1[0] * $1[1], $1[1]) }
      figures.smallest = ordered.first.map { "\($0[1])×\($0[0])" } ?? ""
      figures.largest = ordered.last.map { "\($0[1])×\($0[0])" } ?? ""
      figures.lesionShare = shares.isEmpty ? 0 : shares.reduce(0, +) / Double(shares.count)
      sites.append(figures)
    }
  }

  /// A mask that is neither black and white nor a label map has grey in more than its edges.
  private static func maskProblem(_ sample: Sample) throws -> String? {
    guard let url = sample.mask, sample.lesionLabels == nil else { return nil }
    let values = try MaskFile.read(url).pixels
    let grey = values.reduce(0) { $0 + ($1 > 0 && $1 < 255 ? 1 : 0) }
    guard Double(grey) > 0.05 * Double(values.count) else { return nil }
    return "\(url.path): \(100 * grey / values.count) % of the mask is neither 0 nor 255; "
      + "name its labels in sites.json5 or store it as black and white"
  }

  private static func hash(_ image: Tensor) throws -> UInt64 {
    try image.withBytes { bytes in
      bytes.reduce(UInt64(image.count)) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }
  }
}
