import Foundation
import Imaging
import Storage
import Torch

/// The content of a data folder and its problems.
package struct Inspection: Encodable, Sendable {
  /// The counts of one site.
  package struct SiteFigures: Encodable, Sendable {
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
    /// The values of the masks and which of them are lesion; nil if they do not say so.
    package var maskConvention: String?
    /// The number of images of each stated class.
    package var classes: [String: Int] = [:]
    /// How often each stated label occurs, by value; nil if no labels are stated.
    package var labels: [LabelCount]?

    enum CodingKeys: String, CodingKey {
      case name, images, groups, smallest, largest, classes, labels
      case lesionShare = "lesion_share"
      case emptyMasks = "empty_masks"
      case testImages = "test_images"
      case maskConvention = "mask_convention"
    }
  }

  /// One line about the data; a JSON string.
  package struct Finding: Encodable, Equatable, Sendable, CustomStringConvertible {
    /// The subject of the line; lines of one subject are alike.
    package let subject: String
    /// The line, which names the file or folder and the fix.
    package let description: String

    /// Makes a finding.
    package init(_ subject: String, _ description: String) {
      (self.subject, self.description) = (subject, description)
    }

    /// Writes the line.
    package func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
  }

  /// The sites.
  package var sites: [SiteFigures] = []
  /// Faults that stop or spoil a training.
  ///
  /// Missing masks, unreadable files, different sizes, masks of an unclear convention, sites whose
  /// masks are all empty or mostly look inverted, and leakage from one site to another.
  package var problems: [Finding] = []
  /// Facts that may be right, but are worth a look.
  ///
  /// Files that take no part, masks that look inverted or are nearly full, grey masks, labels that
  /// are not stated, and copies within a site.
  package var warnings: [Finding] = []

  /// Reads every image once and every mask twice, and similar images a second time.
  ///
  /// - Parameters:
  ///   - catalog: the sites. It should pass over faults, so that these become problems too.
  ///   - limits: the maximum size of a file.
  ///   - workers: the number of images that are read in parallel; nil for one per core.
  ///   - progress: receives the number of finished images, from any thread.
  ///   - comparing: receives the steps of the search for copies.
  /// - Throws: never for a bad image, which becomes a problem in the report.
  package init(
    _ catalog: SiteCatalog, limits: ImageLimits = .default, workers: Int? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in }, comparing: CopyProgress = { _, _, _ in }
  ) throws {
    let reader = SampleReader(size: 1, limits: limits)
    let border = Border(catalog.sites)
    problems = catalog.faults.map { Finding("fault", "\($0)") }
    warnings = catalog.leftOut.map { Finding($0.reason.rawValue, "\($0)") }
    let masks = try catalog.sites.map { try MaskReview($0, limits: limits) }
    let done = Tally()
    let thumbnails = try Thumbnails(count: border.samples.count)
    let views = try concurrentMap(count: border.samples.count, threads: workers) { index in
      defer { progress(done.add()) }
      return View(border.samples[index], reader, masks[border.sites[index]].found?.convention) {
        try thumbnails.store($0, at: index)
      }
    }
    problems += views.flatMap(\.problems)
    var rest = views[...]
    for (site, review) in zip(catalog.sites, masks) {
      // Images that only score the site are checked, but do not count as the site's.
      let own = rest.prefix(site.samples.count)
      var figures = Self.figures(site, own)
      figures.maskConvention = review.found?.statement
      figures.labels = try site.labelCounts(limits: limits)
      sites.append(figures)
      problems += review.problems
      warnings += review.warnings
      let looks = MaskLooks(site.name, rest.prefix(site.allSamples.count).compactMap(\.mask))
      problems += looks.problems
      warnings += looks.warnings
      rest = rest.dropFirst(site.allSamples.count)
    }
    let pairs = try NearDuplicates.pairs(
      thumbnails, border: border, withinSites: true, workers: workers, progress: comparing
    ) { try NearDuplicates.thumbnail(of: reader.image(border.samples[$0].image)) }
    try addCopies(pairs, border, reader)
  }

  /// Adds copies: across sites they are leaks, within a site they are worth a look.
  private mutating func addCopies(
    _ pairs: [NearDuplicates.Pair], _ border: Border, _ reader: SampleReader
  ) throws {
    let across = pairs.filter { border.divides($0.first, $0.second) }
    problems += try LeakageReport(border, across, reader: reader).findings.map {
      Finding("leak \($0.kind)", "\($0)")
    }
    for pair in pairs where border.sites[pair.first] == border.sites[pair.second] {
      let (first, second) = (border.samples[pair.first], border.samples[pair.second])
      let isSame = try NearDuplicates.isSame(first, second, reader)
      warnings.append(
        Finding(
          "copies \(isSame) \(first.site)",
          "\(second.image.path): \(isSame ? "" : "nearly ")the same picture stands twice, see "
            + first.image.path))
    }
  }

  private static func figures(_ site: Site, _ views: ArraySlice<View>) -> SiteFigures {
    var figures = SiteFigures(name: site.name)
    figures.images = site.samples.count
    figures.testImages = site.allSamples.count - site.samples.count
    figures.groups = Set(site.samples.map(\.group)).count
    for name in site.samples.compactMap(\.lesionClass) { figures.classes[name, default: 0] += 1 }
    let sizes = views.lazy.compactMap(\.size)
    func isSmaller(_ one: View.Size, _ other: View.Size) -> Bool {
      (one.height * one.width, one.width) < (other.height * other.width, other.width)
    }
    figures.smallest = sizes.min(by: isSmaller).map { "\($0.width)×\($0.height)" } ?? ""
    figures.largest = sizes.max(by: isSmaller).map { "\($0.width)×\($0.height)" } ?? ""
    let shares = views.compactMap(\.mask?.share)
    figures.lesionShare = shares.isEmpty ? 0 : shares.reduce(0, +) / Double(shares.count)
    figures.emptyMasks = shares.count { $0 == 0 }
    return figures
  }
}

/// The results for one image and its mask.
///
/// Those of a good image hold no memory of their own. Small pieces that stay between the large ones
/// of decoding would keep the allocator from using these again.
private struct View: Sendable {
  typealias Size = (height: Int, width: Int)

  /// nil if the image cannot be read.
  var size: Size?
  /// The look of a mask whose values are understood; nil without such a mask.
  var mask: MaskLooks.Look?
  /// The problems.
  var problems: [Inspection.Finding] = []

  init(
    _ sample: Sample, _ reader: SampleReader, _ convention: MaskConvention?,
    keeping thumbnail: (Tensor) throws -> Void
  ) {
    do {
      let image = try reader.image(sample.image)
      size = (try image.size(1), try image.size(2))
      try thumbnail(NearDuplicates.thumbnail(of: image))
    } catch {
      problems.append(Inspection.Finding("image", "\(error)"))
    }
    guard let file = sample.maskFile else { return }
    do {
      let mask = try reader.mask(file.url, as: convention ?? .grey)
      if let size { try SampleReader.requireSize(mask, of: sample, imageSize: [size.height, size.width]) }
      if convention != nil { self.mask = try MaskLooks.Look(file, mask) }
    } catch ImagingError.colouredMask(_, _, _?) where convention == nil {
      // It is why the site has no convention.
    } catch {
      problems.append(Inspection.Finding("mask", "\(error)"))
    }
  }
}
