import { Duration } from "@millrace/shared-types";

/** `countdown.proto` as ts-proto describes it with `outputServices=generic-definitions`. */
export const CountdownDefinition = {
  name: "Countdown",
  fullName: "example.v1.Countdown",
  methods: {
    count: {
      name: "Count",
      requestType: Duration,
      requestStream: false,
      responseType: Duration,
      responseStream: true,
      options: {},
    },
  },
} as const;
