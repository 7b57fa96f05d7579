import Foundation

/// One image with its reference mask.
public struct Sample: Sendable, Equatable {
  /// The site it belongs to.
  public let site: String
  /// The file name without its ending; unique within the site.
  public let id: String
  /// The image file.
  public let image: URL
  /// The mask file, nil when there is none (only for prediction).
  public let mask: URL?
  /// The class of the lesion it shows, nil when it is not known.
  public let lesionClass: String?
  /// The patient or sequence it comes from; images of one group never fall on both sides of a split.
  public let group: String
  /// The patient or sequence as `sites.json5` states it, to be compared between sites; nil where none is stated or where
  /// its names are local to their site.
  public let statedGroup: String?
  /// Mask values that mean lesion; nil for binary and grey-edged masks (above 127).
  public let lesionLabels: [Int]?

  init(
    site: String, id: String, image: URL, mask: URL?, lesionClass: String?, group: String,
    statedGroup: String? = nil, lesionLabels: [Int]?
  ) {
    self.site = site
    self.id = id
    self.image = image
    self.mask = mask
    self.lesionClass = lesionClass
    self.group = group
    self.statedGroup = statedGroup
    self.lesionLabels = lesionLabels
  }
}

/// One hospital, endoscope or protocol: images that share how they were made.
public struct Site: Sendable, Equatable {
  /// What tables call it.
  public let name: String
  /// Its images, by name.
  public let samples: [Sample]
  /// What it is scored on when it is held out: its images, unless the catalog states others.
  public let testSamples: [Sample]

  /// Every image, once.
  public var allSamples: [Sample] { samples + (testSamples == samples ? [] : testSamples) }

  init(name: String, samples: [Sample], testSamples: [Sample]? = nil) {
    self.name = name
    self.samples = samples
    self.testSamples = testSamples ?? samples
  }
}

/// Why a data folder cannot be used; each message names the file or folder and the fix.
public enum DatasetError: Error, Equatable, CustomStringConvertible {
  /// The folder holds no sites.
  case noSites(URL)
  /// A site has no image.
  case emptySite(String, folder: URL)
  /// A folder that should be there is not.
  case missingFolder(site: String, folder: URL)
  /// A site name that does not exist.
  case unknownSite(String, known: [String])
  /// Images without a mask.
  case missingMasks(site: String, stems: [String], folder: URL)
  /// Two files of one stem.
  case ambiguous(first: URL, second: URL)
  /// `sites.json5` cannot be used.
  case badCatalog(URL, reason: String)
  /// Image and mask have different sizes.
  case sizeMismatch(image: URL, imageSize: [Int], mask: URL, maskSize: [Int])
  /// A mask cannot be used.
  case badMask(URL, reason: String)

  /// One to three lines.
  public var description: String {
    switch self {
    case .noSites(let url):
      "\(url.path): no sites found; give a folder of sites, each with images/ and masks/, or a sites.json5"
    case .emptySite(let site, let folder):
      "\(folder.path): site \(site) has no images; add JPEG, PNG, TIFF or BMP files"
    case .missingFolder(let site, let folder):
      "\(folder.path): site \(site) lacks this folder; each site needs images/ and masks/"
    case .unknownSite(let name, let known):
      "site \"\(name)\" does not exist; the sites are \(known.joined(separator: ", "))"
    case .missingMasks(let site, let stems, let folder):
      "\(folder.path): site \(site) has \(stems.count) images without a mask, such as "
        + stems.prefix(3).joined(separator: ", ") + "; add masks of the same names or move the images away"
    case .ambiguous(let first, let second):
      "\(first.path) and \(second.lastPathComponent) have the same stem; rename or remove one"
    case .badCatalog(let url, let reason): "\(url.path): \(reason)"
    case .sizeMismatch(let image, let imageSize, let mask, let maskSize):
      "\(mask.path): the mask is \(maskSize[0])×\(maskSize[1]), its image \(image.lastPathComponent) is "
        + "\(imageSize[0])×\(imageSize[1]); both must have the same size"
    case .badMask(let url, let reason): "\(url.path): \(reason)"
    }
  }
}
