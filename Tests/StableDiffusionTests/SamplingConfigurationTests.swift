import Foundation
import StableDiffusion
import Testing

/// Scheduler files: whose defaults count, what is refused and how, hostile text.
@Suite struct SamplingConfigurationTests {
    private func configuration(_ json: String) throws -> SchedulerConfiguration {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("scheduler-\(UUID().uuidString).json")
        try Data(json.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try SchedulerConfiguration(json: file)
    }

    private func refusal(_ json: String, _ kind: SamplerKind? = nil, steps: Int = 10) throws -> String {
        let configuration = try configuration(json)
        do {
            _ = try (kind ?? configuration.samplerKind()).makeSampler(configuration, steps: steps)
            return "accepted"
        } catch  where error is SamplerError || error is ConfigurationError {
            return "\(error)"
        }
    }

    @Test func namesOfBothKindsAreUnderstood() {
        #expect(SamplerKind(name: "euler-a") == .eulerA)
        #expect(SamplerKind(name: "EulerAncestralDiscreteScheduler") == .eulerA)
        #expect(SamplerKind(name: "DPMSolverMultistepScheduler") == .dpmSolverMultistep)
        #expect(SamplerKind(name: "Euler") == .euler)
        #expect(SamplerKind(name: "euler_a") == .eulerA && SamplerKind(name: "euler_ancestral") == .eulerA)
        #expect(
            SamplerKind(name: "dpm++2m") == .dpmSolverMultistep && SamplerKind(name: "dpmpp_2m") == .dpmSolverMultistep)
        #expect(SamplerKind(name: "uni_pc") == .uniPC && SamplerKind(name: "plms") == .pndm)
        for name in ["", "eul", "dpm++ 2m sde", "ddim_trailing", "dpm2", "KDPM2DiscreteScheduler"] {
            #expect(SamplerKind(name: name) == nil)
        }
        // Names that are published stay.
        let names = ["ddim", "pndm", "euler", "euler-a", "heun", "dpm++-2m", "dpm++-2m-karras", "unipc", "lcm"]
        #expect(SamplerKind.allCases.map(\.rawValue).prefix(names.count) == names[...])
        for kind in SamplerKind.allCases {
            #expect(SamplerKind(name: kind.rawValue) == kind && SamplerKind(displayName: kind.displayName) == kind)
            #expect(SamplerKind(name: kind.className)?.className == kind.className)
        }
    }

    @Test func theFileDecidesAndTheKindOverrides() throws {
        let configuration = try configuration(#"{"_class_name": "DDIMScheduler", "steps_offset": 1}"#)
        let own = try configuration.samplerKind().makeSampler(configuration, steps: 4)
        #expect(own.timesteps == [751, 501, 251, 1])  // DDIM's default spacing is leading
        let euler = try SamplerKind.euler.makeSampler(configuration, steps: 4)
        #expect(euler.timesteps == [999, 666, 333, 0])  // Euler's is linspace
        #expect(configuration.className == "DDIMScheduler")
    }

    @Test func pythonsNumbersAndLeftOverFieldsAreTolerated() throws {
        let json = """
            {"_class_name": "DDIMScheduler", "lambda_min_clipped": -Infinity, "variance_type": "learned",
             "algorithm_type": "sde-dpmsolver++", "made_up": [1, {"a": NaN}], "trained_betas": null}
            """
        #expect(try refusal(json) == "accepted")
    }

    @Test(arguments: [
        (#"{"_class_name": "DEISMultistepScheduler"}"#, "DEISMultistepScheduler"),
        (#"{}"#, "names no scheduler"),
        (#"{"_class_name": "DDIMScheduler", "beta_schedule": "sigmoid"}"#, "beta_schedule is “sigmoid”"),
        (#"{"_class_name": "DDIMScheduler", "prediction_type": "flow"}"#, "prediction_type is “flow”"),
        (#"{"_class_name": "PNDMScheduler", "prediction_type": "sample"}"#, "prediction_type is “sample”"),
        (#"{"_class_name": "DDIMScheduler", "thresholding": true}"#, "thresholding is true"),
        (#"{"_class_name": "DDIMScheduler", "timestep_spacing": 3}"#, "timestep_spacing is 3"),
        (#"{"_class_name": "DDIMScheduler", "clip_sample": "no"}"#, "clip_sample is “no”"),
        (#"{"_class_name": "DDIMScheduler", "num_train_timesteps": 1e300}"#, "num_train_timesteps is 1e+300"),
        (#"{"_class_name": "DDIMScheduler", "num_train_timesteps": 5}"#, "trained with 5"),
        (#"{"_class_name": "DDIMScheduler", "steps_offset": -1}"#, "steps_offset is -1"),
        (#"{"_class_name": "DDIMScheduler", "steps_offset": 500}"#, "steps_offset"),
        (#"{"_class_name": "DDIMScheduler", "beta_end": NaN}"#, "beta"),
        (#"{"_class_name": "DDIMScheduler", "beta_start": -1, "beta_schedule": "scaled_linear"}"#, "beta"),
        (#"{"_class_name": "DDIMScheduler", "trained_betas": [0.1, 0.2]}"#, "trained_betas"),
        (#"{"_class_name": "DDIMScheduler", "trained_betas": [0.1, "x"]}"#, "trained_betas is “x”"),
        (
            #"{"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": true, "timestep_spacing": "trailing"}"#,
            "epsilon with rescale_betas_zero_snr"
        ),
        (#"{"_class_name": "EulerDiscreteScheduler", "use_beta_sigmas": true}"#, "use_beta_sigmas is true"),
        (#"{"_class_name": "EulerDiscreteScheduler", "interpolation_type": "log_linear"}"#, "log_linear"),
        (
            #"{"_class_name": "EulerDiscreteScheduler", "use_karras_sigmas": true, "sigma_min": -3}"#,
            "same noise level"
        ),
        (#"{"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++"}"#, "algorithm_type"),
        (#"{"_class_name": "DPMSolverMultistepScheduler", "solver_order": 4}"#, "solver_order is 4"),
        (#"{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": 99}"#, "lambda_min_clipped is 99"),
        (#"{"_class_name": "UniPCMultistepScheduler", "predict_x0": false}"#, "predict_x0 is false"),
        (#"{"_class_name": "UniPCMultistepScheduler", "solver_p": {}}"#, "solver_p"),
        (#"{"_class_name": "UniPCMultistepScheduler", "lower_order_final": false}"#, "final_sigmas_type is zero"),
        (#"{"_class_name": "LCMScheduler", "original_inference_steps": 9}"#, "at most the 9"),
    ])
    func unsupportedSettingsAreRefusedByName(json: String, expected: String) throws {
        let refusal = try refusal(json)
        #expect(refusal.contains(expected), "\(refusal)")
    }

    @Test(arguments: [0, -1, 1001, Int.max, Int.min])
    func stepsOutOfRangeAreRefused(steps: Int) throws {
        #expect(try refusal("{}", .ddim, steps: steps).contains("1 to 1000"))
    }

    @Test func stepsThatASamplerCannotMakeAreRefused() throws {
        #expect(try refusal("{}", .pndm, steps: 3).contains("4 or more"))
        #expect(try refusal(#"{"timestep_spacing": "leading"}"#, .dpmSolverMultistep, steps: 1000).contains("fewer"))
        #expect(try refusal(#"{"steps_offset": 1}"#, .ddim, steps: 1000).contains("timestep 1000"))
        #expect(try refusal(#"{"num_train_timesteps": 1}"#, .uniPC, steps: 1) == "accepted")
    }

    /// Every count makes finite latents or is refused: no trap, no NaN.
    @Test(arguments: SamplerKind.allCases)
    func anyCountIsFiniteOrRefused(kind: SamplerKind) throws {
        for spacing in ["linspace", "leading", "trailing"] {
            let configuration = try configuration(
                #"{"timestep_spacing": "\#(spacing)", "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}"#
            )
            for steps in [1, 2, 3, 4, 8, 61, 103, 121, 333, 500, 501, 777, 999, 1000] {
                guard var sampler = try? kind.makeSampler(configuration, steps: steps) else {
                    continue
                }
                var random = TorchRandom(seed: 1)
                var latents = random.normal(count: 16)
                for step in sampler.timesteps.indices {
                    let input = sampler.scaleModelInput(latents, step: step)
                    latents = sampler.step(input.map { $0 * 0.5 }, step: step, latents: latents, random: &random)
                }
                #expect(latents.allSatisfy { $0.isFinite }, "\(kind), \(steps) steps, \(spacing)")
            }
        }
    }

    @Test(arguments: [
        "", "[]", "{", #"{"a"}"#, #"{"a": }"#, #"{"a": 1,}"#, "{} x", #"{"a": "\ud800"}"#, #"{"a": "\x"}"#, "nul",
        #"{"a": 1e999}"#, #"{"a": -}"#, "{\"a\": \"\u{1}\"}",
    ])
    func malformedJSONIsRefused(text: String) throws {
        #expect(throws: ConfigurationError.self) { try configuration(text) }
    }

    @Test func deeplyNestedJSONIsRefused() throws {
        #expect(throws: ConfigurationError.self) { try configuration(String(repeating: "[", count: 100_000)) }
    }

    @Test func filesThatAreNoneAreRefused() throws {
        let folder = FileManager.default.temporaryDirectory
        #expect(throws: ConfigurationError.self) { try SchedulerConfiguration(json: folder) }
        #expect(throws: ConfigurationError.self) {
            try SchedulerConfiguration(json: folder.appendingPathComponent("no such file"))
        }
        #expect(throws: ConfigurationError.self) { try SchedulerConfiguration(json: URL(fileURLWithPath: "/dev/zero")) }
    }
}
