import Foundation
import Segmentation
import Storage
import TestSupport
import Testing

@testable import Training

extension EarlierNamesTests {
  /// The `config.json` of an earlier version, with every setting that it wrote.
  private func config(
    method: String, model: String = "", interventions: String = #""attention": 0.2, "invariance": 0.25, "#
  ) -> String {
    """
    {
      "accumulation": 1, "batchSize": 16, "clip": "tiny", "confounders": 0, "data": "rendered", "device": "cpu",
      "augmentation": {
        "colour": 0.25, "fixed": 2, "flips": true, "rotation": 45, "saturation": 0.35, "scale": 1.3, "shift": 0.1,
        "tint": 0.1
      },
      "epochs": 8, "holdOut": "site-c", "imageSize": 128, "interventionStart": 0.3, "lesionClass": "",
      "interventions": { \(interventions)"count": 2, "segmentation": 1, "share": 0.5, "variants": 3 },
      "maxPixels": 100000000,
      "model": {
        "dense": "sclip",
        "head": { "detailStride": 1, "detailWidths": [], "gridWidth": 48, "towerLayers": [] },
        "intervention": {
          "adjustment": "prior", "depth": 2, "dictionary": "words", "evidence": 0, "heads": 4,
          "outputScale": 0.1, "prior": "estimated", "width": 0
        },
        "method": "\(method)", \(model)
        "region": {
          "fill": "zeros", "fraction": 0.25, "score": "less-normal", "selection": "soft", "temperature": 0.01
        }
      },
      "objective": { "causal": 0.25, "contrast": 0.2, "dice": 0.5, "temperature": 0.75 },
      "optimizer": {
        "floor": 0, "gradientClip": 1, "learningRate": 0.002, "towerLearningRate": 1e-05, "warmup": 0.03,
        "weightDecay": 0.01
      },
      "precision": "float32", "seed": 3, "sources": ["site-a", "site-b"], "tune": "last-1",
      "validationShare": 0.15
    }
    """
  }

  /// What that file says of everything but the method.
  private var common: RunConfiguration {
    var wanted = RunConfiguration.ofMCDRL
    (wanted.clip, wanted.data, wanted.holdOut) = ("tiny", "rendered", "site-c")
    wanted.augmentation.fixed = 2
    (wanted.epochs, wanted.imageSize, wanted.seed) = (8, 128, 3)
    (wanted.sources, wanted.tune) = (["site-a", "site-b"], .last(1))
    wanted.interventions.count = 2
    (wanted.interventions.share, wanted.interventions.variants) = (0.5, 3)
    wanted.interventions.prior = .estimated
    (wanted.model.dense, wanted.model.head.detailWidths, wanted.model.head.gridWidth) = ("sclip", [], 48)
    wanted.objective.dice = 0.5
    wanted.optimizer.learningRate = 0.002
    // What the file does not name was so then, whatever the default is now.
    wanted.selection = .dice
    return wanted
  }

  @Test("The config.json of an earlier run is read as it was trained, whatever its method")
  func runs() throws {
    var wanted = common
    wanted.mcdrlOptions.start = 0.3
    (wanted.mcdrlOptions.causal, wanted.mcdrlOptions.contrast, wanted.mcdrlOptions.temperature) = (
      0.25, 0.2, 0.75
    )
    (wanted.mcdrlOptions.invariance, wanted.mcdrlOptions.attention) = (0.25, 0.2)
    wanted.mcdrlOptions.region?.fill = .zeros
    wanted.mcdrlOptions.region?.fraction = 0.25
    wanted.mcdrlOptions.region?.selection = .soft
    wanted.mcdrlOptions.intervention?.adjustment = .prior
    wanted.mcdrlOptions.intervention?.depth = 2
    let options = #""options": {}, "#
    #expect(try run(config(method: "mcdrl", model: options)) == wanted)
    let whole = wanted
    wanted.mcdrlOptions.region = nil
    #expect(try run(config(method: "no-mtrs", model: options)) == wanted)
    wanted = whole
    wanted.mcdrlOptions.intervention = nil
    #expect(try run(config(method: "no-cdrl", model: options)) == wanted)

    wanted = common
    wanted.model.method = .baseline
    #expect(try run(config(method: "baseline", model: options)) == wanted)
    wanted.model.method = MethodChoice(CORAL.self).changing(CORAL.self) {
      $0.weight = 2
      $0.pooled = true
    }
    #expect(try run(config(method: "coral", model: #""options": {"pooled": 1, "weight": 2}, "#)) == wanted)
  }

  @Test("A run that says nothing of what there was not is read as it was trained")
  func older() throws {
    let old = try run(
      #"{"epochs": 9, "model": {"method": "mcdrl", "region": {"fraction": 0.25, "subtractsNormal": false}}}"#)
    #expect(
      old.epochs == 9 && old.mcdrlOptions.region?.fraction == 0.25 && old.mcdrlOptions.region?.score == .max)
    #expect(old.interventions.share == 0 && old.mcdrlOptions.region?.selection == .hard)
    let subtracting = try run(#"{"model": {"region": {"subtractsNormal": true}}}"#)
    #expect(subtracting.mcdrlOptions.region?.score == .lessNormal)
    let typo = message { _ = try run(#"{"model": {"region": {"subtractNormal": true}}}"#) }
    #expect(typo.contains("region.subtractNormal") && typo.contains("config.json"), "\(typo)")
  }

  @Test("What this version writes is read as it stands, and holds no earlier name")
  func present() throws {
    var new = common
    new.mcdrlOptions.region?.score = .softmax
    new.mcdrlOptions.intervention = nil
    let folder = try TemporaryFolder("earlier")
    let run = RunFolder(folder.url)
    try run.write(new, to: run.configurationFile)
    #expect(try run.configuration() == new)
    let names = try JSONValue(encoding: new).leaves.keys
    #expect(names.allSatisfy { RunConfiguration.presentName($0) == $0 })
  }
}
