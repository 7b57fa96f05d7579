import Foundation
import Imaging
import Storage

/// One image with its reference mask.
public struct Sample: Sendable, Equatable {
  /// The site of the image.
  public let site: String
  /// The file name without its extension; unique within the site.
  public let id: String
  /// The image file.
  public var image: URL { imageFile.url }
  /// The mask file; nil if there is none (only for prediction).
  public var mask: URL? { maskFile?.url }
  /// The class of the visible lesion; nil if unknown.
  public let lesionClass: String?
  /// The patient or sequence of the image; a split never separates images of one group.
  public let group: String
  /// The patient or sequence from `sites.json5`, for comparison between sites.
  ///
  /// It is nil if none is stated or if its names are local to the site.
  public let statedGroup: String?
  /// The stated mask values of lesions; nil if they are found from the masks of the site.
  public let lesionLabels: [Int]?
  /// The stated values of the mask by name; nil if none are stated.
  public let labels: [String: Int]?
  /// The masks of its site; nil for a mask of 0 and 255.
  let survey: MaskSurvey?
  let imageFile: ListedFile
  let maskFile: ListedFile?

  init(
    site: String, id: String, image: ListedFile, mask: ListedFile?, lesionClass: String?, group: String,
    statedGroup: String? = nil, lesionLabels: [Int]?, labels: [String: Int]? = nil,
    survey: MaskSurvey? = nil
  ) {
    self.site = site
    self.id = id
    imageFile = image
    maskFile = mask
    self.lesionClass = lesionClass
    self.group = group
    self.statedGroup = statedGroup
    self.lesionLabels = lesionLabels
    self.labels = labels
    self.survey = survey
  }

  /// Compares all that is known without a look at the files.
  public static func == (left: Sample, right: Sample) -> Bool {
    (left.site, left.id) == (right.site, right.id)
      && left.imageFile == right.imageFile && left.maskFile == right.maskFile
      && (left.lesionClass, left.group, left.statedGroup) == (
        right.lesionClass, right.group, right.statedGroup
      )
      && left.lesionLabels == right.lesionLabels && left.labels == right.labels
  }

  /// Returns the values of the mask that are lesion.
  ///
  /// - Throws: `MaskConventionError`.
  func convention(limits: ImageLimits) throws -> MaskConvention {
    if let lesionLabels { return .values(lesionLabels, as: .indices) }
    return try survey?.convention(limits: limits) ?? .grey
  }
}

/// One hospital, endoscope or protocol: images of the same origin.
public struct Site: Sendable, Equatable {
  /// Its name in tables.
  public let name: String
  /// Its images, by name.
  public let samples: [Sample]
  /// The images that score the site if it is held out: its own, unless the catalog states others.
  public let testSamples: [Sample]
  /// The same scenes without the link between lesion and confounder; nil if the catalog states none.
  ///
  /// Only rendered data has them. A run with `TrainingScenes.unlinked` trains on them.
  public let unlinkedSamples: [Sample]?
  /// The origin of the images as the data folder states it.
  public let origin: DataOrigin

  /// Every image to train on or to score, without repetition.
  public var allSamples: [Sample] { samples + (testSamples == samples ? [] : testSamples) }

  init(
    name: String, samples: [Sample], testSamples: [Sample]? = nil, unlinkedSamples: [Sample]? = nil,
    origin: DataOrigin = DataOrigin()
  ) {
    self.name = name
    self.samples = samples
    self.testSamples = testSamples ?? samples
    self.unlinkedSamples = unlinkedSamples
    self.origin = origin
  }

  /// The masks of the site, with those of its test images; nil if there are none.
  package var survey: MaskSurvey? { allSamples.lazy.compactMap(\.survey).first }
}

/// A data folder that cannot be used; each message names the file or folder and the fix.
public enum DatasetError: Error, Equatable, CustomStringConvertible {
  /// The folder holds no sites.
  case noSites(URL)
  /// The folder holds only images without masks, in these folders.
  case onlyUnlabelled(URL, folders: [String])
  /// A site has no image.
  case emptySite(String, folder: URL)
  /// A required folder is missing.
  case missingFolder(site: String, folder: URL)
  /// A site name does not exist.
  case unknownSite(String, known: [String])
  /// A site has no scenes without the link.
  case noUnlinkedScenes(site: String)
  /// Images have no mask.
  case missingMasks(site: String, stems: [String], folder: URL)
  /// Two files have the same stem.
  case ambiguous(first: URL, second: URL)
  /// `sites.json5` cannot be used.
  case badCatalog(URL, reason: String)
  /// An image and its mask differ in size.
  case sizeMismatch(image: URL, imageSize: [Int], mask: URL, maskSize: [Int])
  /// A mask cannot be used.
  case badMask(URL, reason: String)

  /// One to three lines.
  public var description: String {
    switch self {
    case .noSites(let url):
      "\(url.path): no sites found; give a folder of sites, each with images/ and masks/, or a sites.json5"
    case .onlyUnlabelled(let url, let folders):
      "\(url.path): only images without masks (\(folders.joined(separator: ", "))); run mcdrl predict on "
        + "them, or annotate them and import the masks with mcdrl data import"
    case .emptySite(let site, let folder):
      "\(folder.path): site \(site) has no images; add JPEG, PNG, TIFF or BMP files"
    case .missingFolder(let site, let folder):
      "\(folder.path): site \(site) lacks this folder; each site needs images/ and masks/"
    case .unknownSite(let name, let known):
      "site \"\(name)\" does not exist"
        + (Spelling.near(name, among: known).map { " (did you mean \"\($0)\"?)" } ?? "")
        + "; the sites are \(known.joined(separator: ", "))"
    case .noUnlinkedScenes(let site):
      "site \(site) states no unlinked scenes, which only rendered data has; render it with mcdrl synth "
        + "--unlinked, or train on observed scenes"
    case .missingMasks(let site, let stems, let folder):
      "\(folder.path): site \(site) has \(counted(stems.count, "image")) without a mask, such as "
        + stems.prefix(3).joined(separator: ", ") + "; add masks of the same names or move the images away"
    case .ambiguous(let first, let second):
      "\(first.path) and \(second.lastPathComponent) have the same stem; rename or remove one"
    case .badCatalog(let url, let reason): "\(url.path): \(reason)"
    case .sizeMismatch(let image, let imageSize, let mask, let maskSize):
      "\(mask.path): the mask is \(maskSize[0])×\(maskSize[1]), its image \(image.lastPathComponent) is "
        + "\(imageSize[0])×\(imageSize[1]); both must have the same size: scale the mask to "
        + "\(imageSize[0])×\(imageSize[1]) without smoothing (nearest neighbour), or take the image that it "
        + "was drawn on"
    case .badMask(let url, let reason): "\(url.path): \(reason)"
    }
  }
}
