import Datasets
import Foundation
import Segmentation
import Storage
import Torch

/// An error of a run that cannot be created, trained or used.
public enum RunError: Error, Equatable, CustomStringConvertible {
  /// The folder holds no run.
  case notARun(URL)
  /// The folder already holds a run.
  case exists(URL)
  /// No epoch of the run is finished.
  case noWeights(URL)
  /// There are weights, but no state to continue from.
  case noState(URL)
  /// There is a state, but the weights that validation chose are missing.
  case lostWeights(FileError)
  /// There is a state, but the weights that validation chose are damaged.
  case damagedWeights(SafetensorsError)
  /// A file of the run cannot be read.
  case unreadable(URL)
  /// The measurements of precision cannot be read.
  case unreadablePrecision(URL)
  /// A file is no training state.
  case notAState(URL)
  /// A file of weights lacks the embedded prompts.
  case noPrompts(URL)
  /// A file of weights lacks the names of the classes, which the method needs.
  case noWords(URL, method: String)
  /// The names of the classes in a file of weights are damaged, or not those of its prompts.
  case otherWords(URL)
  /// The text tower of a CLIP model is not the one that the weights were trained with.
  case otherTextTower(clip: String, URL)
  /// The CLIP model's frozen weights are not those at the start of the run.
  case otherFrozenWeights(URL)
  /// The images of a site are not those that the run began with.
  case otherData(URL, site: String)
  /// The settings of a run describe no possible model.
  case impossibleModel(URL, reason: String)
  /// A setting that the weights follow from was changed.
  case otherSettings(URL, differences: [String])
  /// The held-out site is among the sites that are trained on.
  case heldOutIsSource(String)
  /// There is no site to train on.
  case noSources(URL, heldOut: String)
  /// All masks of the sites to train on are empty.
  case noLesion(URL, sites: [String])
  /// The data or the CLIP model of a run has moved.
  case moved(setting: String, path: String, run: URL)
  /// A lesion class of the data has no prompts.
  case classWithoutWords(URL, name: String, known: [String])
  /// Training on interventions has no mechanism.
  case noMechanisms(source: String, limit: Int?, arm: String?)
  /// More layers are to be trained than the tower has.
  case tooManyLayers(Tuning, available: Int)
  /// Features are to be cached under settings that change them.
  case featuresChange
  /// The whole tower is trained, so no features can be cached.
  case nothingFrozen
  /// The features of an image are not cached.
  case notCached(URL)
  /// A CLIP model is needed and not named.
  case needsClip
  /// The device for int8 is not the CPU.
  case integersOffCPU
  /// The name of the CLIP model needs a held-out site, and there is none.
  case noSiteForClip(String)
  /// Images of the held-out site taught the words of the CLIP folder.
  case wordsKnowSite(URL, site: String, images: Int)
  /// The CLIP model is an image trunk without words, and something reads words.
  case trunkWithoutWords(String, reader: String)
  /// A run is to be extended to no more epochs than it was planned for.
  case notMoreEpochs(URL, planned: Int)
  /// The run averages its weights over a valley of the score, which added epochs may not change.
  case valleyOfEpochs(URL)
  /// A run that is to be continued does not list its images.
  case unlistedImages(URL)
  /// A setting differs from that of a run that is to be continued, whose weights depend on it.
  case cannotChange(URL, setting: String, own: String)
  /// The weights of a run do not fit the settings of one that continues from it.
  case cannotContinue(URL, reason: String)
  /// A run that is to be continued was trained on images of the site that is scored.
  case ancestorKnowsSite(URL, site: String, images: Int)

  /// One to three lines with the file or setting and the fix.
  public var description: String {
    switch self {
    case .notARun(let url):
      "\(url.path): not a run folder (no config.json); give a folder that training wrote"
    case .exists(let url): "\(url.path): holds a run already"
    case .noWeights(let url):
      "\(url.path): not found; no epoch of this run is finished, continue its training"
    case .noState(let url):
      "\(url.path): not found, though epochs of this run are finished; put it back, or start a new run in another folder"
    case .lostWeights(let error): "\(error)\n\(Self.cannotGoOn)"
    case .damagedWeights(let error): "\(error)\n\(Self.cannotGoOn)"
    case .unreadable(let url): "\(url.path): cannot be read; train the run again"
    case .unreadablePrecision(let url):
      "\(url.path): cannot be read; delete it to compute as trained, or state the precision"
    case .notAState(let url): "\(url.path): not a training state; remove it and train again"
    case .noPrompts(let url): "\(url.path): holds no embedded prompts; train the run again"
    case .noWords(let url, let method):
      "\(url.path): lacks the names of the lesion classes, which the method \(method) needs; train the run again"
    case .otherWords(let url):
      "\(url.path): its names of the lesion classes do not fit its embedded prompts; train the run again"
    case .otherTextTower(let clip, let url):
      "\(clip): its text tower is not the one that \(url.path) was trained with; bring the CLIP model of the training "
        + "back, or train the run again"
    case .otherFrozenWeights(let url):
      "\(url.path): the weights of the CLIP model are not those that this run began with; bring them back, or train anew "
        + "into another folder"
    case .otherData(let url, let site):
      "\(url.path): the images of site \(site) are not those that this run began with; bring them back, or train anew "
        + "into another folder"
    case .impossibleModel(let url, let reason): "\(url.path): \(reason)"
    case .otherSettings(let url, let differences):
      "\(url.path): \(differences.joined(separator: ", ")); only data, clip, device, maxPixels and inference of a run can be changed; train anew with the other settings"
    case .heldOutIsSource(let site): "sources: the held-out site \(site) must not be among them"
    case .noSources(let url, let heldOut): "\(url.path): there is no site to train on besides \(heldOut)"
    case .noLesion(let url, let sites):
      "\(url.path): all masks of \(sites.joined(separator: ", ")) are empty, so there is nothing to learn; "
        + "check their values with an inspection of the data"
    case .moved(let setting, let path, let run):
      "\(path): not found; the run \(run.path) names it as its \(setting). Put it back, or name its new place"
    case .classWithoutWords(let url, let name, let known):
      "\(url.path): the lesion class \"\(name)\" is not among the prompts' classes (\(known.joined(separator: ", "))); "
        + "change the data or the prompt file"
    case .noMechanisms(let source, let limit, let arm):
      "\(source): no confounder\(limit.map { " of the \($0) that are taken" } ?? "") has a mechanism, but "
        + "\(arm ?? "this run") trains on interventions; give at least one a mechanism, such as mechanism: \"blur\" "
        + "(docs/reference/mechanisms.md), or train without: interventions.share=0"
    case .tooManyLayers(let tune, let available):
      "tune: \(tune) asks for more layers than the image tower's \(available); use last-1 to last-\(available), or all"
    case .featuresChange:
      "features can be cached only with tune none or last-N and pictures that stay the same: augmentation.fixed above 0, "
        + "or augmentation off (every setting at its neutral value)"
    case .nothingFrozen:
      "tune: only features of frozen layers can be cached; set tune to none or last-N"
    case .notCached(let url): "\(url.path): no features of this picture are cached"
    case .needsClip: "clip is not stated; name a CLIP folder, or random:FILE"
    case .noSiteForClip(let name):
      "clip is \(name), which needs a held-out site; hold out a site or name one CLIP folder"
    case .wordsKnowSite(let url, let site, let images):
      "\(url.path): its words were trained on \(counted(images, "image")) of the held-out site \(site); train "
        + "words without the site, mcdrl clip pretrain --hold-out \(site), or hold out another"
    case .trunkWithoutWords(let clip, let reader):
      "\(clip): an image trunk, which has no words, but \(reader) reads them; make words with mcdrl clip pretrain "
        + "--trunk \(clip) (docs/guides/real-hospitals.md), or train baseline-interventions or baseline"
    case .valleyOfEpochs(let url):
      "\(url.path): averages weights over a valley of the score (averaging=swad), and once the valley has ended more "
        + "epochs do not change them; train anew with --epochs and --out"
    case .notMoreEpochs(let url, let planned):
      "\(url.path): planned for \(counted(planned, "epoch")); state more to train on"
    case .unlistedImages(let url):
      "\(url.path): does not list the images of the training, so later scores could not tell them from new ones; "
        + "train the run again with this version"
    case .cannotChange(let url, let setting, let own):
      "\(setting): it is \(own) in \(url.path), whose weights have this form; leave it as it is, or train anew"
    case .cannotContinue(let url, let reason):
      "\(url.path): its weights do not fit these settings: \(reason)\nleave model.options as they are; a method with a "
        + "part for each site needs as many sites as before"
    case .ancestorKnowsSite(let url, let site, let images):
      "\(url.path): it was trained on \(counted(images, "image")) of \(site), which would be scored; continue from "
        + "another run, or score another site"
    case .integersOffCPU: "int8 is computed on the CPU alone; leave the device out"
    }
  }

  private static let cannotGoOn =
    "without the weights that validation chose the run cannot go on; start a new one in another folder"
}
