import Foundation
import Imaging
import Torch

/// The content of a data folder and its problems.
package struct Inspection: Codable, Sendable {
  /// The counts of one site.
  package struct SiteFigures: Codable, Sendable {
    /// The site.
    package var name: String
    /// The number of images.
    package var images = 0
    /// The number of other images that score the site if it is held out.
    package var testImages = 0
    /// The number of patients or sequences; equals the images if groups are not stated.
    package var groups = 0
    /// Width×height of the smallest image.
    package var smallest = ""
    /// Width×height of the largest image.
    package var largest = ""
    /// The mean share of an image that the lesion covers.
    package var lesionShare = 0.0
    /// The number of empty masks.
    package var emptyMasks = 0
    /// The number of images of each stated class.
    package var classes: [String: Int] = [:]

    enum CodingKeys: String, CodingKey {
      case name, images, groups, smallest, largest, classes
      case lesionShare = "lesion_share"
      case emptyMasks = "empty_masks"
      case testImages = "test_images"
    }
  }

  /// The sites.
  package var sites: [SiteFigures] = []
  /// The problems, one line each.
  ///
  /// They are missing masks, unreadable files, different sizes, masks that are not binary,
  /// duplicate images, and leakage from one site to another.
  package var problems: [String] = []

  /// Reads every image and mask once, and similar images a second time.
  ///
  /// - Parameters:
  ///   - catalog: the sites. It should allow missing masks, so that these become problems too.
  ///   - limits: the maximum size of a file.
  ///   - workers: the number of images that are read in parallel; nil for one per core.
  ///   - progress: receives the number of finished images, from any thread.
  /// - Throws: never for a bad image, which becomes a problem in the report.
  package init(
    _ catalog: SiteCatalog, limits: ImageLimits = .default, workers: Int? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) throws {
    let reader = SampleReader(size: 1, limits: limits)
    let border = Border(catalog.sites)
    let done = Tally()
    let views = try concurrentMap(count: border.samples.count, threads: workers) { index in
      defer { progress(done.add()) }
      return View(border.samples[index], reader)
    }
    problems = catalog.missingMasks.map { "\($0)" } + views.flatMap(\.problems)
    var rest = views[...]
    for site in catalog.sites {
      // Images that only score the site are checked, but do not count as the site's.
      sites.append(Self.figures(site, rest.prefix(site.samples.count)))
      rest = rest.dropFirst(site.allSamples.count)
    }
    let pairs = try NearDuplicates.pairs(views.map(\.thumbnail), border: border, withinSites: true)
    let across = pairs.filter { border.divides($0.first, $0.second) }
    problems += try LeakageReport(border, across, reader: reader).findings.map { "\($0)" }
    for pair in pairs where border.sites[pair.first] == border.sites[pair.second] {
      let (first, second) = (border.samples[pair.first], border.samples[pair.second])
      guard try NearDuplicates.isSame(first, second, reader) else { continue }
      problems.append("\(second.image.path): the same picture stands twice, see \(first.image.path)")
    }
  }

  private static func figures(_ site: Site, _ views: ArraySlice<View>) -> SiteFigures {
    var figures = SiteFigures(name: site.name)
    figures.images = site.samples.count
    figures.testImages = site.allSamples.count - site.samples.count
    figures.groups = Set(site.samples.map(\.group)).count
    for name in site.samples.compactMap(\.lesionClass) { figures.classes[name, default: 0] += 1 }
    let sizes = views.compactMap(\.size).sorted { ($0[0] * $0[1], $0[1]) < ($1[0] * $1[1], $1[1]) }
    figures.smallest = sizes.first.map { "\($0[1])×\($0[0])" } ?? ""
    figures.largest = sizes.last.map { "\($0[1])×\($0[0])" } ?? ""
    let shares = views.compactMap(\.lesionShare)
    figures.lesionShare = shares.isEmpty ? 0 : shares.reduce(0, +) / Double(shares.count)
    figures.emptyMasks = shares.filter { $0 == 0 }.count
    return figures
  }
}

/// The results for one image and its mask.
private struct View: Sendable {
  /// Height and width; nil if the image cannot be read.
  var size: [Int]?
  /// The thumbnail for comparison; nil if the image cannot be read.
  var thumbnail: Tensor?
  /// The share of the image that the lesion covers; nil without a matching mask.
  var lesionShare: Double?
  /// The problems, one line each.
  var problems: [String] = []

  init(_ sample: Sample, _ reader: SampleReader) {
    do {
      let image = try reader.image(sample.image)
      let size = Array(image.shape.dropFirst())
      self.size = size
      thumbnail = try NearDuplicates.thumbnail(of: image)
      lesionShare = try reader.mask(of: sample, imageSize: size)?.to(.float32).mean().item()
      if let problem = try Self.maskProblem(sample, reader) { problems.append(problem) }
    } catch {
      problems.append("\(error)")
    }
  }

  /// Reports a mask that is neither binary nor a label map: grey covers more than its edges.
  private static func maskProblem(_ sample: Sample, _ reader: SampleReader) throws -> String? {
    guard let url = sample.mask, sample.lesionLabels == nil else { return nil }
    let values = try MaskFile.read(url, limits: reader.limits).pixels
    let grey = values.reduce(0) { $0 + ($1 > 0 && $1 < 255 ? 1 : 0) }
    guard Double(grey) > 0.05 * Double(values.count) else { return nil }
    return "\(url.path): \(100 * grey / values.count) % of the mask is neither 0 nor 255; "
      + "name its labels in sites.json5 or store it as black and white"
  }
}
