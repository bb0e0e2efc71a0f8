package envoy

// What is read of Envoy's admin interface, in the JSON of its v3 API; all else is passed over.

type clustersPage struct {
	Statuses []struct {
		Name  string `json:"name"`
		Hosts []struct {
			Stats []struct {
				Name  string `json:"name"`
				Value number `json:"value"`
			} `json:"stats"`
		} `json:"host_statuses"`
		Breakers breakers `json:"circuit_breakers"`
	} `json:"cluster_statuses"`
}

type breakers struct {
	Thresholds []struct {
		Priority    string  `json:"priority"` // absent: DEFAULT
		MaxRequests *number `json:"max_requests"`
		MaxRetries  *number `json:"max_retries"`
	} `json:"thresholds"`
}

type runtimePage struct {
	Layers  []string `json:"layers"`
	Entries map[string]struct {
		Final  string   `json:"final_value"`
		Layers []string `json:"layer_values"` // in the order of Layers, "" where a layer does not have it
	} `json:"entries"`
}

type dumpPage struct {
	Configs []struct {
		Type        string `json:"@type"`
		LastUpdated string `json:"last_updated"` // of the bootstrap: when the process began
		Bootstrap   struct {
			Node struct {
				ID string `json:"id"`
			} `json:"node"`
			Runtime struct {
				Layers []struct {
					RTDS struct {
						Config struct {
							API struct {
								Services []struct {
									Envoy struct {
										Cluster string `json:"cluster_name"`
									} `json:"envoy_grpc"`
								} `json:"grpc_services"`
							} `json:"api_config_source"`
						} `json:"rtds_config"`
					} `json:"rtds_layer"`
				} `json:"layers"`
			} `json:"layered_runtime"`
		} `json:"bootstrap"`
		Static        []routeEntry   `json:"static_route_configs"`
		Dynamic       []routeEntry   `json:"dynamic_route_configs"`
		StaticClust   []clusterEntry `json:"static_clusters"`
		DynamicActive []clusterEntry `json:"dynamic_active_clusters"`
	} `json:"configs"`
}

type routeEntry struct {
	Config struct {
		Hosts []struct {
			Routes []routeWire `json:"routes"`
		} `json:"virtual_hosts"`
	} `json:"route_config"`
}

type routeWire struct {
	Name  string `json:"name"`
	Match struct {
		Headers []struct {
			Name   string `json:"name"`
			Exact  string `json:"exact_match"` // of old configurations
			String struct {
				Exact string `json:"exact"`
			} `json:"string_match"`
		} `json:"headers"`
		Metadata []struct {
			Path []struct {
				Key string `json:"key"`
			} `json:"path"`
			Value struct {
				String struct {
					Exact string `json:"exact"`
				} `json:"string_match"`
			} `json:"value"`
		} `json:"dynamic_metadata"`
		Fraction *struct {
			Default struct {
				Numerator   number `json:"numerator"`
				Denominator string `json:"denominator"`
			} `json:"default_value"`
			Key string `json:"runtime_key"`
		} `json:"runtime_fraction"`
	} `json:"match"`
	Direct *struct {
		Status number `json:"status"`
	} `json:"direct_response"`
	Route *struct {
		Cluster  string `json:"cluster"`
		Priority string `json:"priority"`
		Weighted *struct {
			Prefix   string `json:"runtime_key_prefix"`
			Clusters []struct {
				Name   string `json:"name"`
				Weight number `json:"weight"`
			} `json:"clusters"`
		} `json:"weighted_clusters"`
	} `json:"route"`
}

type clusterEntry struct {
	Cluster struct {
		Name     string   `json:"name"`
		Breakers breakers `json:"circuit_breakers"`
	} `json:"cluster"`
}
