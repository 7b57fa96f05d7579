import CLIP
import Confounders
import Datasets
import Foundation
import Imaging
import Storage
import Studies
import TestSupport
import Testing
import Torch
import Training

/// A reader of files, with a folder of good ones that it reads.
struct Reader: Sendable, CustomTestStringConvertible {
  /// The name, which also names the folder of inputs that failed.
  let name: String
  /// Writes good files into an empty folder; returns the paths of those to damage.
  let prepare: @Sendable (URL) throws -> [String]
  /// Reads the folder.
  let read: @Sendable (URL) throws -> Void

  var testDescription: String { name }

  /// The readers that are written in Swift, and Swift's way to the decoders in C.
  static let all: [Reader] =
    [
      safetensors, settings, prompts, phrases, sites, lists, tokenizer, wordPiece, pieces, document, pairs,
      clip, bert, trunk, bitmap, pictures, maps, run, ensemble, card, calibration, annotations, archive,
      coco, cvat, labelMe, labelStudio, review, predictions,
    ] + (VideoLibrary.version == nil ? [] : [videos]) + dicom

  private static let safetensors = Reader(name: "safetensors") { folder in
    try SafetensorsFile.write(
      ["a.weight": .zeros([3, 2]), "b": .ones([4], dtype: .int64), "c": .zeros([], dtype: .bfloat16)],
      metadata: ["format": "pt"], to: folder.appendingPathComponent("x.safetensors"))
    return ["x.safetensors"]
  } read: { folder in
    for tensor in try SafetensorsFile(folder.appendingPathComponent("x.safetensors")).tensors().values {
      _ = try tensor.copy()
    }
  }

  private static let settings = Reader(name: "settings") { folder in
    try copy("Configurations/polypgen-scratch.json5", to: folder, as: "x.json5")
  } read: { folder in
    var settings = RunConfiguration()
    try settings.merge(contentsOf: folder.appendingPathComponent("x.json5"))
  }

  private static let prompts = Reader(name: "prompts") { folder in
    try copy("Prompts/endoscopy.json5", to: folder, as: "x.json5")
  } read: { folder in
    _ = try PromptSet(contentsOf: folder.appendingPathComponent("x.json5"))
  }

  private static let phrases = Reader(name: "phrases") { folder in
    try Data("# Colours.\na purple tint\n\nbrown Lugol’s iodine\n".utf8)
      .write(to: folder.appendingPathComponent("x.txt"))
    return ["x.txt"]
  } read: { folder in
    _ = try CandidatePhrases.read(folder.appendingPathComponent("x.txt"))
  }

  private static let sites = Reader(name: "sites") { folder in
    for site in ["a", "b"] {
      for part in ["images", "masks"] {
        let place = folder.appendingPathComponent("\(site)/\(part)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        for stem in ["p1-1", "p1-2", "p2-1"] {
          try ImageFile.writePNG(picture, to: place.appendingPathComponent("\(stem).png"))
        }
      }
    }
    try Data(
      """
      {
        // Two sites of three images.
        groupsAreLocal: true,
        sites: [
          { name: "a", groupPattern: "^(p[0-9]+)", class: "polyp" },
          { name: "b", images: "b/images", masks: "b/masks", labels: { lesion: 1 }, lesions: ["lesion"] },
        ],
      }
      """.utf8
    ).write(to: folder.appendingPathComponent("sites.json5"))
    return ["sites.json5"]
  } read: { folder in
    _ = try SiteCatalog(at: folder)
  }

  /// The annotations of BM-BronchoLC, and the record and the entry of an earlier import.
  private static let annotations = Reader(name: "annotations") { folder in
    let images = folder.appendingPathComponent("source/imgs/p/v")
    try FileManager.default.createDirectory(at: images, withIntermediateDirectories: true)
    try ImageFile.writePNG(picture, to: images.appendingPathComponent("a.png"))
    let source = folder.appendingPathComponent("source")
    try Data(#"[{"id": "cbed49c9-81ec-45d0-b619-a12c57c1770f", "name": "Tumor"}]"#.utf8)
      .write(to: source.appendingPathComponent("labels.json"))
    try Data("[]".utf8).write(to: source.appendingPathComponent("objects.json"))
    try Data(
      #"""
      [{"object_id": "a", "label_ids": ["cbed49c9-81ec-45d0-b619-a12c57c1770f"],
        "data": [{"x": 1.5, "y": 2}, {"x": 9, "y": 2}, {"x": 5, "y": 1e1}]}]
      """#.utf8
    ).write(to: source.appendingPathComponent("annotation.json"))
    let data = folder.appendingPathComponent("data")
    try FileManager.default.createDirectory(
      at: data.appendingPathComponent("s"), withIntermediateDirectories: true)
    try Data("{sites: [{name: 's', class: 'tumour'}, /* ] */ {name: \"b\"}]}".utf8)
      .write(to: data.appendingPathComponent("sites.json5"))
    try Data(
      #"""
      {"version": "0", "kind": "bm-broncholc", "source": "source", "site": "s", "states": ["class"],
       "options": {"lesions": [], "labels": {}, "colours": {}, "resize_masks": false},
       "images": [], "unlabelled": [], "left_out": [], "notes": []}
      """#.utf8
    ).write(to: data.appendingPathComponent("s/import.json"))
    return [
      "source/annotation.json", "source/labels.json", "source/imgs/p/v/a.png", "data/sites.json5",
      "data/s/import.json",
    ]
  } read: { folder in
    let (source, data) = (folder.appendingPathComponent("source"), folder.appendingPathComponent("data"))
    let listing = try ImportKind.named("bm-broncholc").listing(source, options: ImportOptions())
    _ = try SiteImport(
      listing, of: source, kind: "bm-broncholc", site: "s", data: data, options: ImportOptions(), threads: 1
    ).write()
  }

  private static let lists = Reader(name: "lists") { folder in
    for part in ["images", "masks"] {
      let place = folder.appendingPathComponent("a/\(part)")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      for stem in ["p1", "p2"] {
        try ImageFile.writePNG(picture, to: place.appendingPathComponent("\(stem).png"))
      }
    }
    try Data("# The images to train on.\na/p1\n".utf8).write(to: folder.appendingPathComponent("train.txt"))
    try Data("p2.png\n".utf8).write(to: folder.appendingPathComponent("validation.txt"))
    return ["train.txt", "validation.txt"]
  } read: { folder in
    _ = try ImageLists(
      training: folder.appendingPathComponent("train.txt"),
      validation: folder.appendingPathComponent("validation.txt"), of: SiteCatalog(at: folder))
  }

  private static let tokenizer = Reader(name: "tokenizer") { folder in
    let files = ["vocab.json", "merges.txt", "tokenizer_config.json"]
    for file in files { _ = try copy("Models/tiny/\(file)", to: folder, as: file) }
    return files
  } read: { folder in
    _ = try Tokenizer(folder: folder)(["a flat polyp under mucus"], window: 16)
  }

  private static let pieces = subwords("pieces", of: "fallback", "spiece.model")
  private static let document = subwords("unigram-document", of: "document", "tokenizer.json")
  private static let pairs = subwords("pairs-document", of: "gemma", "tokenizer.json")

  /// A tokenizer of SigLIP or SigLIP 2.
  private static func subwords(_ name: String, of model: String, _ file: String) -> Reader {
    Reader(name: name) { folder in
      let files = [file, "tokenizer_config.json"]
      for file in files {
        _ = try copy("Tests/CLIPTests/Fixtures/subwords/\(model)/\(file)", to: folder, as: file)
      }
      return files
    } read: { folder in
      _ = try Tokenizer(folder: folder)(["a flat polyp  under e\u{301}息肉 </s> ½"], window: 16)
    }
  }

  private static let clip = Reader(name: "clip") { folder in
    let file = Project.file("Configurations/vit-tiny-p8-64.json")
    try CLIPModel.random(CLIPConfiguration(contentsOf: file), beside: file, seed: 1).save(to: folder)
    return ["config.json", "preprocessor_config.json", "model.safetensors", "tokenizer_config.json"]
  } read: { folder in
    _ = try CLIPModel.load(folder: folder)
  }

  private static let wordPiece = Reader(name: "wordpiece") { folder in
    let files = ["tokenizer.json", "tokenizer_config.json"]
    for file in files {
      _ = try copy("Tests/CLIPTests/Fixtures/wordpiece/whole/\(file)", to: folder, as: file)
    }
    return files
  } read: { folder in
    _ = try Tokenizer(folder: folder)(["a flat polyp under mucus", "Köhler 息肉"], window: 16)
  }

  private static let bert = Reader(name: "bert") { folder in
    let files = ["tokenizer.json", "tokenizer_config.json"]
    for file in files {
      _ = try copy("Tests/CLIPTests/Fixtures/wordpiece/whole/\(file)", to: folder, as: file)
    }
    let file = folder.appendingPathComponent("config.json")
    try Data(
      """
      {"projection_dim": 8, "vision_config": {"hidden_size": 8, "intermediate_size": 8,
       "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 16, "patch_size": 8},
       "text_config": {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
       "num_attention_heads": 2, "vocab_size": 835, "max_position_embeddings": 24,
       "layer_norm_eps": 1e-12, "bert": {"max_position_embeddings": 32, "pooler": "cls_pooler"}}}
      """.utf8
    ).write(to: file)
    try CLIPModel.random(CLIPConfiguration(contentsOf: file), beside: file, seed: 1).save(to: folder)
    try FileManager.default.removeItem(at: file)
    try FileManager.default.removeItem(at: folder.appendingPathComponent("tokenizer.json"))
    try Data(
      """
      {"model_cfg": {"embed_dim": 8, "vision_cfg": {"layers": 1, "width": 8, "head_width": 4,
       "mlp_ratio": 1, "image_size": 16, "patch_size": 8},
       "text_cfg": {"context_length": 24, "hf_model_name": "bert-base-uncased",
       "hf_proj_type": "mlp", "hf_pooler_type": "cls_pooler",
       "hf_model_config": {"num_attention_heads": 2, "hidden_size": 8}}}}
      """.utf8
    ).write(to: folder.appendingPathComponent("open_clip_config.json"))
    return ["open_clip_config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors"]
  } read: { folder in
    _ = try CLIPModel.load(folder: folder)
  }

  private static let trunk = Reader(name: "trunk") { folder in
    try Data(
      """
      {"architecture": "vit_tiny_patch16_224", "model_args": {"img_size": 384, "global_pool": "avg"},
       "pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.9, "interpolation": "bicubic",
        "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
      """.utf8
    ).write(to: folder.appendingPathComponent("config.json"))
    try Data(
      """
      {"model_cfg": {"embed_dim": 64, "vision_cfg": {"timm_model_name": "vit_tiny_patch16_224",
       "timm_pool": "token", "timm_proj": "mlp", "timm_proj_bias": true, "image_size": 224}, "text_cfg": {}}}
      """.utf8
    ).write(to: folder.appendingPathComponent("open_clip_config.json"))
    return ["config.json", "open_clip_config.json"]
  } read: { folder in
    _ = try TrunkFolder(folder)
    _ = try CLIPConfiguration(openCLIP: folder.appendingPathComponent("open_clip_config.json"))
  }

  private static let run = Reader(name: "run") { folder in
    let tiny = try TinyRun(epochs: 1)
    try tiny.trainer().trainer.train()
    let files = ["config.json", "clip.json", "prompts.json5", "model.safetensors"]
      .filter { FileManager.default.fileExists(atPath: tiny.run.url.appendingPathComponent($0).path) }
    for file in files {
      try FileManager.default.copyItem(
        at: tiny.run.url.appendingPathComponent(file), to: folder.appendingPathComponent(file))
    }
    return files
  } read: { folder in
    _ = try Run.open(at: folder).predictor()
  }

  private static let ensemble = Reader(name: "ensemble") { folder in
    let tiny = try (0..<2).map { _ in try TinyRun(method: .baseline, epochs: 1) }
    for one in tiny { try one.trainer().trainer.train() }
    _ = try Run.joining(tiny.map { try $0.open() }, at: folder, average: .outputs)
    return ["ensemble.json", "members/1/config.json", "members/2/model.safetensors"]
  } read: { folder in
    _ = try Run.open(at: folder).predictor()
  }

  private static let calibration = Reader(name: "calibration") { folder in
    let tiny = try TinyRun(epochs: 1)
    let sites = try TinyRun.sites.get()
    tiny.configuration.sources = sites.prefix(2).map(\.name)
    tiny.configuration.holdOut = sites[2].name
    try tiny.trainer().trainer.train()
    let run = try tiny.open()
    let predictor = try run.predictor(usesCalibration: false)
    _ = try CertaintyFit(run, predictor, catalog: SiteCatalog(at: TinyRun.data.get())).write(quantile: 0.95)
    let files = ["calibration.json", "familiarity.safetensors"]
    for file in files + ["model.safetensors"] {
      try FileManager.default.copyItem(
        at: tiny.run.url.appendingPathComponent(file), to: folder.appendingPathComponent(file))
    }
    return files
  } read: { folder in
    _ = try CertaintyModel.stored(in: RunFolder(folder))
  }

  /// The files that a model card reads beside the settings, prompts and weights of a run.
  private static let card = Reader(name: "card") { folder in
    try CardExample.write(to: folder)
    return [
      "evaluation-north.json", "evaluation-north.csv", "evaluation-west.json", "provenance.json",
      "fingerprint.json", "metrics.jsonl", "validation.json",
    ]
  } read: { folder in
    _ = try ModelCard(of: Run.open(at: folder))
  }

  static func copy(_ path: String, to folder: URL, as name: String) throws -> [String] {
    try FileManager.default.copyItem(at: Project.file(path), to: folder.appendingPathComponent(name))
    return [name]
  }
}
