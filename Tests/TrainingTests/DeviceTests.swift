import Segmentation
import Testing
import TestSupport
import Torch

@testable import Training

extension TrainingRuns {
  /// libtorch's meta device has shapes but no numbers, so what was moved can be seen without a graphics processor.
  @Suite("Devices")
  struct DeviceTests {
    @Test(
      "After a move weights, buffers, words, dictionary and moments are on the device",
      arguments: MethodChoice.paper)
    func moved(method: MethodChoice) throws {
      let tiny = try TinyRun(method: method)
      tiny.configuration.mcdrlOptions.region?.fill = .learned
      let (_, system) = try tiny.trainer()
      try system.move(to: Device(kind: .meta, index: -1))
      #expect(system.state().values.allSatisfy { $0.device.kind == .meta })
      #expect(system.model.text.tensors.values.allSatisfy { $0.device.kind == .meta })
      let dictionary = system.model.dictionary
      #expect(dictionary.embeddings.device.kind == .meta && dictionary.prior.device.kind == .meta)
      let optimizer = try AdamW(groups: system.parameterGroups(tiny.configuration.optimizer))
      #expect(optimizer.state().values.allSatisfy { $0.device.kind == .meta })
    }

    @Test("Inference on a device is a copy of the modules there, and int8 is refused")
    func compiled() throws {
      let tiny = try TinyRun()
      let (_, system) = try tiny.trainer()
      try system.move(to: Device(kind: .meta, index: -1))
      for precision in Precision.trainable {
        #expect(try system.compiled(for: precision).device.kind == .meta)
      }
      #expect {
        try system.compiled(for: .int8)
      } throws: { error in
        if case RunError.integersOffCPU = error { true } else { false }
      }
    }

    @Test("A batch moves as a whole, and only a device with pinned memory has it pinned")
    func batch() throws {
      let features = FrozenFeatures.encoded(
        EncodedImages(dense: try .zeros([2, 1, 1, 8]), image: try .zeros([2, 8]), layers: []))
      let batch = TrainingBatch(
        images: try .zeros([2, 3, 4, 4]), masks: try .zeros([2, 1, 4, 4]), cached: features,
        classes: [nil, 1], sites: [0, 1], observed: [0, 1], interventions: nil,
        share: BatchShare(.alone, sites: [0, 1], interventions: 0))
      let same = try batch.pinned(for: .cpu).sent(to: .cpu)
      #expect(same.images === batch.images && same.masks === batch.masks)
      let moved = try batch.pinned(for: .cpu).sent(to: Device(kind: .meta, index: -1))
      let tensors = [moved.images, moved.masks] + (moved.cached?.tensors ?? [])
      #expect(tensors.count == 4 && tensors.allSatisfy { $0.device.kind == .meta })
      #expect(moved.sites == [0, 1] && moved.classes == [nil, 1])
    }

    @Test("The text tower of a method that learns words moves with the system")
    func textTower() throws {
      let methods = MethodRegistry.builtIn.adding(LearnedPrompt.self)
      let tiny = try TinyRun(method: MethodChoice(LearnedPrompt.self), methods: methods)
      let (_, system) = try tiny.trainer()
      let meta = Device(kind: .meta, index: -1)
      try system.move(to: meta)
      let method = try #require(system.model.method as? LearnedPrompt)
      #expect(method.encoder.tower.parameters().allSatisfy { $0.tensor.device.kind == .meta })
    }
  }
}
